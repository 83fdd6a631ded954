"""Images between the given class and unseen abnormal ones, by what doctors know."""
