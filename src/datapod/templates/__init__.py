"""Projects that `datapod plugin new` makes: `plugin` by a name; the others, with what is in `common`, by `plugin_from_template`."""
