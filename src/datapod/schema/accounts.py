"""Accounts at services, and what belongs to them. Source: pod-protocol.md, appendix A."""

# ruff: noqa: N815, RUF012 - names on the wire; a list declares an edge

from __future__ import annotations

from typing import TYPE_CHECKING

from datapod.item import Item

if TYPE_CHECKING:
    from datapod.schema.people import Person
    from datapod.schema.photo import Photo
    from datapod.schema.places import Location
    from datapod.schema.plugins import AuditItem
    from datapod.schema.works import Website


class Account(Item):
    avatarUrl: str | None = None
    authEmail: str | None = None
    code: str | None = None
    displayName: str | None = None
    externalId: str | None = None
    handle: str | None = None
    identifier: str | None = None
    itemType: str | None = None
    secret: str | None = None
    service: str | None = None
    accessToken: str | None = None
    refreshToken: str | None = None
    errorMessage: str | None = None
    isMe: bool | None = None
    changelog: list[AuditItem] = []
    cryptoTransaction: list[CryptoTransaction] = []
    location: list[Location] = []
    network: list[Network] = []
    ownCurrency: list[CryptoCurrency] = []
    owner: list[Person] = []
    trust: list[Account] = []
    profilePicture: list[Photo] = []
    following: list[Account] = []
    follower: list[Account] = []


class OauthFlow(Item):
    accessToken: str | None = None
    accessTokenSecret: str | None = None
    refreshToken: str | None = None
    service: str | None = None


class Network(Item):
    name: str | None = None
    website: list[Website] = []


class CryptoCurrency(Item):
    myToken: float | None = None
    name: str | None = None
    topic: str | None = None
    currencySetting: list[CurrencySetting] = []
    picture: list[Photo] = []


class CryptoKey(Item):
    active: bool | None = None
    starred: bool | None = None
    itemType: str | None = None
    keystr: str | None = None
    name: str | None = None
    role: str | None = None
    owner: list[Person] = []


class CryptoTransaction(Item):
    outward: bool | None = None
    quantity: float | None = None
    cryptoCurrency: list[CryptoCurrency] = []
    relateToOther: list[Account] = []
    relateToOwner: list[Account] = []


class CurrencySetting(Item):
    deviceAddress: str | None = None
    profileAddress: str | None = None
    seedPhrase: str | None = None
    tokenAddress: str | None = None
    wallet: list[Wallet] = []


class Wallet(Item):
    name: str | None = None
    picture: list[Photo] = []
