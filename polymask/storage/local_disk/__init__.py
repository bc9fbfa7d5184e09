"""The local disk: durable writing, locks, temporary storage, and the user's folders."""
