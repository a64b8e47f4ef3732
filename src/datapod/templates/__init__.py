"""Projects that `datapod plugin new` makes: files with `$module`, `$title` and `$project` in them."""
