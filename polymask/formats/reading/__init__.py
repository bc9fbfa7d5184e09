"""What several formats share: content, records, refusals."""
