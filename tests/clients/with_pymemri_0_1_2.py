"""Runs inside the environment of pymemri 0.1.2, as its users wrote code: prints what it saw as one JSON object, last."""

import hashlib
import json
import sys

import numpy
from pymemri.data.schema import File, Item, Message, Person, Photo, SchemaMeta
from pymemri.pod.client import PodClient


class Boat(Item):
    name: str | None = None
    sailArea: float | None = None
    captain: list[Person] = []


META = SchemaMeta(name="harbour", url="https://harbour.example", version="0.1")
seen = {}
client = PodClient(url=sys.argv[1])
seen["schema"] = [client.add_to_schema(META, Boat) for _ in range(2)]
person, boat = Person(firstName="Ann"), Boat(name="Zwaluw", sailArea=5.0)
seen["created"] = [client.create(person), client.create(boat), client.create(Message(content="no schema needed"))]
edge = boat.add_edge("captain", person)
seen["edge"] = client.create_edge(edge)
client.reset_local_db()
read = client.get(boat.id)
seen["read"] = [read.name, read.sailArea, [neighbour.firstName for neighbour in read.captain]]
read.name = "Meeuw"
seen["updated"] = client.update_item(read)
client.reset_local_db()
seen["found"] = [item.name for item in client.search({"type": "Boat", "name": "Meeuw"})]
seen["typed"] = [type(item).__name__ for item in client.search_typed(Boat, {})]
seen["bulk"] = client.bulk_action(create_items=[Boat(name=str(number), sailArea=float(number)) for number in range(12)])
seen["pages"] = [len(page) for page in client.search_paginate({"type": "Boat"}, 5)]
seen["last"] = client.search_last_added(type="Boat", with_prop="name", with_val="11").name
seen["by ids"] = [item.id for item in client.search({"ids": [boat.id, "nowhere", person.id]})] == [boat.id, person.id]
seen["edge deleted"] = client.delete_edge(edge)
client.reset_local_db()
seen["captains"] = len(client.get(boat.id).captain)
seen["deleted"] = [client.delete_items([person]), len(client.search({"type": "Person"}))]
try:
    client.get(person.id)
except ValueError as error:
    seen["gone"] = type(error).__name__
data = "é".encode() * 1000
file = File(sha256=hashlib.sha256(data).hexdigest())
client.create(file)
seen["upload"] = [client.upload_file(data, asyncFlag=False) for _ in range(2)]
seen["file"] = client.get_file(file.sha256) == data
seen["file deleted"] = client.delete_file(file.id)
client.bulk_action(create_items=[boat2 := Boat(name="Stern"), mate := Person(firstName="Bob")], create_edges=[])
client.create_edge(boat2.add_edge("captain", mate))
client.reset_local_db()
found = client.search_graphql('query { Boat (filter: {name: {eq: "$name"}}) { name captain { firstName } } }', {"name": "Stern"})
seen["graphql"] = [[item.name, [neighbour.firstName for neighbour in item.captain]] for item in found]
image = numpy.zeros((4, 6, 3), dtype=numpy.uint8)
photo = Photo.from_np(image)
seen["photo"] = [client.create_photo(photo, asyncFlag=False)]
client.reset_local_db()
stored = client.get_photo(photo.id)
seen["photo"] += [stored.width, stored.height, stored.data == photo.data]
seen["plugin status"] = client.plugin_status(["no_such_run"])
plugin = PodClient(url=sys.argv[1], owner_key=client.owner_key, database_key="1" * 64)
seen["wrong key"] = [plugin.create(Person()), client.create(Person())]
print(json.dumps(seen))
