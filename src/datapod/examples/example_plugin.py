"""The smallest plugin with a configuration: it creates one dog."""

from __future__ import annotations

from typing import Any

from datapod import PluginBase
from datapod.examples.example_schema import Dog


class ExamplePlugin(PluginBase):
    """Run it: `datapod plugin run datapod.examples.example_plugin:ExamplePlugin`."""

    def __init__(self, dog_name: str = "Bob", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dog_name = dog_name

    def run(self) -> None:
        print("Started plugin run...", flush=True)
        self.client.create(Dog(name=self.dog_name, age=10))
        print("Run success!", flush=True)
