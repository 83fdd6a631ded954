"""One method against others on the same tests."""
