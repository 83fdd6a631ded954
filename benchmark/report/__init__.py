"""Reports for a paper: what the records of a board say, as text, tables, references and lists."""
