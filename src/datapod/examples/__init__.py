"""Plugins to read, to run and to copy.

plugins.py            the three plugins of the founding document
example_plugin.py     the smallest plugin with a configuration
example_schema.py     an item type
example_config.json   a run description for `run_plugin --config_file`
"""
