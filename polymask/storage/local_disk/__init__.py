"""The disk of this machine: writing that lasts, locks, what is put by, the folders of the user."""
