"""Studies, one file a page of the book: tables, figures, numbers, claims."""
