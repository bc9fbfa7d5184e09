"""The job that deletes: write masks, prove them, delete what they account for."""
