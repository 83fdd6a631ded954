"""Which sources count in averages, by rules that are measured; boards over sources."""
