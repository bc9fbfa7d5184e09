"""Reading, shared by the formats: content, records, refusals, texts, images and their pictures."""
