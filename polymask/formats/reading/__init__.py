"""What several formats share: content, records, refusals; texts of lines and of XML."""
