"""The local conversion: from annotations to a folder of masks."""
