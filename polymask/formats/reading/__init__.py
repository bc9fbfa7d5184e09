"""What several formats share: content, records, refusals; texts, images and their pictures."""
