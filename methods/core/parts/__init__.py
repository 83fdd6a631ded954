"""Parts of a backbone: the maps of its stages, and several copies of its last one."""
