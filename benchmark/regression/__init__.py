"""Has anything become worse? Boards held against earlier ones."""
