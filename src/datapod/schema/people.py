"""People and what is known about them. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.accounts import Account, CryptoKey
    from datapod.schema.files import File
    from datapod.schema.labelling import Label
    from datapod.schema.photo import Photo
    from datapod.schema.places import Address, Location
    from datapod.schema.works import Website


class Person(Item):
    addressBookId: str | None = None
    displayName: str | None = None
    email: str | None = None
    firstName: str | None = None
    gender: str | None = None
    lastName: str | None = None
    role: str | None = None
    sexualOrientation: str | None = None
    birthDate: datetime | None = None
    deathDate: datetime | None = None
    starred: bool | None = None
    account: list[Account] = []
    address: list[Address] = []
    birthPlace: list[Location] = []
    cryptoKey: list[CryptoKey] = []
    deathPlace: list[Location] = []
    diet: list[Diet] = []
    hasPhoneNumber: list[PhoneNumber] = []
    label: list[Label] = []
    me: list[Person] = []
    medicalCondition: list[MedicalCondition] = []
    mergedFrom: list[Person] = []
    profilePicture: list[Photo] = []
    relationship: list[Relationship] = []
    website: list[Website] = []


class PhoneNumber(Item):
    phoneNumber: str | None = None


class Relationship(Item):
    label: str | None = None
    proximityValue: int | None = None
    relationship: list[Person] = []


class Diet(Item):
    abstract: str | None = None
    content: str | None = None
    itemType: str | None = None
    keyword: str | None = None
    name: str | None = None
    textContent: str | None = None
    title: str | None = None
    transcript: str | None = None
    datePublished: datetime | None = None
    duration: int | None = None
    contentLocation: list[Location] = []
    file: list[File] = []
    locationCreated: list[Location] = []
    writtenBy: list[Person] = []


class MedicalCondition(Item):
    conditiontype: str | None = None
    itemType: str | None = None
    name: str | None = None


class SuggestedMerge(Item):
    score: float | None = None
    task: str | None = None
    mergeFrom: list[Person] = []


class VoteAction(Item):
    dateExecuted: datetime | None = None
