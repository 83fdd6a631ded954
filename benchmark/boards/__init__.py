"""Evidence in, pages out: leaderboards as Markdown, CSV, JSON, pictures and a page. No training."""
