"""How cells are run: worker, driver, store, launchers, and what is looked at before."""
