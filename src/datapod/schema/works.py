"""Written works, messages and posts. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.accounts import Account
    from datapod.schema.files import File
    from datapod.schema.labelling import CategoricalPrediction, Label
    from datapod.schema.people import Person
    from datapod.schema.photo import Photo
    from datapod.schema.places import Location


class CreativeWork(Item):
    abstract: str | None = None
    content: str | None = None
    itemType: str | None = None
    keyword: str | None = None
    textContent: str | None = None
    title: str | None = None
    transcript: str | None = None
    datePublished: datetime | None = None
    contentLocation: list[Location] = []
    file: list[File] = []
    locationCreated: list[Location] = []
    writtenBy: list[Person] = []


class WrittenWork(CreativeWork):
    """A CreativeWork of its own kind; it adds nothing."""


class Note(WrittenWork):
    starred: bool | None = None
    label: list[Label] = []


class Message(WrittenWork):
    dateReceived: datetime | None = None
    dateSent: datetime | None = None
    externalId: str | None = None
    service: str | None = None
    subject: str | None = None
    sourceProject: str | None = None
    isMock: bool | None = None
    message: list[Message] = []
    messageChannel: list[MessageChannel] = []
    photo: list[Photo] = []
    receiver: list[Account] = []
    sender: list[Account] = []
    label: list[CategoricalPrediction] = []


class EmailMessage(Message):
    starred: bool | None = None
    bcc: list[Account] = []
    cc: list[Account] = []
    message: list[EmailMessage] = []  # type: ignore[assignment] # narrower than in Message
    replyTo: list[Account] = []


class MessageChannel(Item):
    encrypted: bool | None = None
    isMock: bool | None = None
    externalId: str | None = None
    name: str | None = None
    topic: str | None = None
    service: str | None = None
    sourceProject: str | None = None
    photo: list[Photo] = []
    receiver: list[Account] = []


class Post(Item):
    externalId: str | None = None
    message: str | None = None
    postType: str | None = None
    sourceProject: str | None = None
    postDate: datetime | None = None
    isMock: bool | None = None
    author: list[Account] = []
    comment: list[Post] = []
    parent: list[Post] = []
    photo: list[Photo] = []


class Tweet(Post):
    service: str | None = None
    mention: list[Account] = []


class Website(Item):
    itemType: str | None = None
    url: str | None = None


class Receipt(Item):
    category: str | None = None
    store: str | None = None  # type: ignore[assignment] # hides the method of that name
    totalCost: float | None = None
    file: list[File] = []
    photo: list[Photo] = []
