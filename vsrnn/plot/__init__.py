"""What figures are drawn with and written by."""
