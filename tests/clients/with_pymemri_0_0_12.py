"""Runs inside the environment of pymemri 0.0.12, as its users wrote code: prints what it saw as one JSON object, last."""

import json
import sys

from pymemri.data.schema import Account, Person, PluginRun
from pymemri.plugin.pluginbase import PluginBase, run_plugin_from_run_id
from pymemri.pod.client import Dog, PodClient

seen = {}
client = PodClient(url=sys.argv[1])
seen["again"] = type(PodClient(url=sys.argv[1], database_key=client.database_key, owner_key=client.owner_key)).__name__
seen["schema"] = client.add_to_schema(Person, Dog)
person, account, dog = Person(firstName="Ann"), Account(identifier="x", service="s"), Dog(name="Rex", age=3)
seen["created"] = [client.create(item) for item in (person, account, dog)]
person.add_edge("account", account)
person.update(client)
person.update(client)
client.reset_local_db()
read = client.get(person.id)
seen["read"] = [read.firstName, [neighbour.identifier for neighbour in read.account]]
found = client.search({"type": "Dog", "age": 3})[0]
found.age = 4
seen["updated"] = client.update_item(found)
client.reset_local_db()
seen["ages"] = [item.age for item in client.search({"type": "Dog"})]
seen["bulk"] = client.bulk_action(create_items=[Dog(name=str(number), age=number) for number in range(20)])
seen["pages"] = [len(page) for page in client.search_paginate({"type": "Dog"}, 5)]
seen["by ids"] = [item.id for item in client.search({"ids": [dog.id, "nowhere", person.id]})] == [dog.id, person.id]
client.delete_items([dog])
seen["left"] = len(client.search({"type": "Dog"}))
seen["deleted"] = client.get(dog.id)
seen["unknown type"] = client.search({"type": "NeverHeardOf", "name": "x"})


class Importer(PluginBase):
    def run(self):
        self.client.create(Dog(name="imported"))

    def add_to_schema(self):
        self.client.add_to_schema(Dog)


sys.modules["importer_plugin"] = sys.modules["__main__"]
run = PluginRun(containerImage="none", pluginModule="importer_plugin", pluginName="Importer")
run_account = Account(identifier="me")
run.add_edge("account", run_account)
seen["run created"] = client.bulk_action(create_items=[run, run_account], create_edges=run.get_edges("account"))
run_plugin_from_run_id(run.id, client)
client.reset_local_db()
seen["run"] = client.get(run.id).status
seen["imported"] = len(client.search({"type": "Dog", "name": "imported"}))
data = b"content" * 1000
import hashlib  # noqa: E402

from pymemri.data.schema import File  # noqa: E402

client.create(File(sha256=hashlib.sha256(data).hexdigest()))
seen["upload"] = [client._upload_image(data, asyncFlag=False) for _ in range(2)] if hasattr(client, "_upload_image") else None
seen["file"] = client.get_file(hashlib.sha256(data).hexdigest()) == data
import numpy  # noqa: E402
from pymemri.data.photo import Photo  # noqa: E402

photo = Photo.from_np(numpy.zeros((4, 6, 3), dtype=numpy.uint8))
seen["photo"] = [client.create_photo(photo, asyncFlag=False)]
client.reset_local_db()
stored = client.get_photo(photo.id)
seen["photo"] += [stored.width, stored.height, stored.data == photo.data]
seen["mail"] = bool(client.send_email("a@example.org", "s", "b"))
print(json.dumps(seen))
