"""The central schema: the value type of every property that registered accounts know without a definition.

Within it a property name has one type, so the item types do not matter here. Source: pod-protocol.md, 5.5 and appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from datapod_server.items.kinds import ValueType

_NAMES = {
    ValueType.TEXT: """
        abstract accessToken accessTokenSecret action actionname addressBookId authEmail authImage authUrl author avatarUrl
        bundleImage caption category city coarseLabel code color conditiontype config configJson containerId containerImage
        content currentLabelOption dataSource dataType definition definitionType description deviceAddress displayName domain
        edgeName email encoding error errorMessage exifData externalId fileLocation filename filterCreatedAfterPropertyName
        fineLabel firstName fullText gender gitlabUrl handle href icon id identifier importJson indexerClass itemDescription
        itemType json key keystr keyword label labelType labelValue languageCode languageName lastName link locationAutoLookupHash
        message mode name nonce ocrText phoneNumber pluginClass pluginDescription pluginModule pluginName pluginPermissions
        pluginRestart pluginRunId pluginSchedule pluginType postType postalCode probs profileAddress progressMessage propertyName
        queryStr refreshToken renderer repository role rssFeedId runDestination runStatus scheduledBy secret seedPhrase selector
        service sessionName sexualOrientation sha256 source sourceProject sourceType srcLang state status store street subject
        summary summarySource targetDataType targetItemId targetType task templateName textContent tgtLang thumbnail title
        tokenAddress topic transcript translatedProperty triggerOn type url value valueType version
    """,
    ValueType.INTEGER: """
        bitrate channels duration gitProjectId height proximityValue sequence templateId webserverPort width
    """,
    ValueType.REAL: """
        latitude longitude myToken progress quantity relevance score totalCost
    """,
    ValueType.BOOL: """
        active allowSharing deleted encrypted importIsActive isIndexed isMe isMock isSubmitted outward skippedByLabeller starred
    """,
    ValueType.DATE_TIME: """
        birthDate date dateCreated dateExecuted dateModified datePublished dateReceived dateSent dateServerModified deathDate
        endTime filterCreatedAfter postDate published startTime updated
    """,
}

CENTRAL: Mapping[str, ValueType] = MappingProxyType({name: kind for kind, names in _NAMES.items() for name in names.split()})
