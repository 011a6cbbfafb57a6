"""What a description may say of its own registration: RFC 3339, and nothing that looks like it."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.directory.registration import registered
from wasmiot_td.errors import ValidationError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAMP = "/things/urn:ex:lamp"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z"),
        ("2030-01-01t00:00:00z", "2030-01-01T00:00:00.000Z"),
        ("2030-01-01T02:00:00.123456789+02:00", "2030-01-01T00:00:00.123Z"),
        ("2030-01-01T00:00:00-00:00", "2030-01-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T15:59:60.5-08:00", "2017-01-01T00:00:00.500Z"),
        ("2028-02-29T23:59:60z", "2028-03-01T00:00:00.000Z"),
    ],
)
def test_every_time_of_rfc_3339_is_taken(client, thing, given, kept):
    """In lower case, of any zone and of a leap second; it is told in UTC."""
    document = thing(id="urn:ex:lamp", registration={"expires": given})
    assert client.put(LAMP, json=document).status_code == 201
    assert client.get(LAMP).json["registration"]["expires"] == kept


@pytest.mark.parametrize(
    "given",
    [
        *("2030-01-01", "20300101T000000Z", "2030-W01-1T00:00:00Z", "2030-01-01T00:00:00"),
        *("2030-01-01 00:00:00Z", "2030-01-01T00:00Z", "2030-01-01T00:00:00,5Z", "2030-01-01T24Z"),
        *("2030-01-01T24:00:00Z", "2030-02-30T00:00:00Z", "2030-01-01T00:00:00+0200"),
        *("2030-01-01T00:00:00+24:00", "2030-01-01T00:00:00+01:60", "٢٠٣٠-01-01T00:00:00Z"),
        *("2030-01-01T23:58:60Z", "2030-01-31T22:59:60Z", "2030-01-30T23:59:60Z"),
        *("9999-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"),
        *(" 2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z\n", "", 20300101, True, ["x"]),
    ],
)
def test_what_is_no_time_is_refused(client, thing, given):
    """The answer names the member, and the directory knows nothing of the Thing."""
    response = client.put(LAMP, json=thing(id="urn:ex:lamp", registration={"expires": given}))
    assert response.status_code == 400
    (fault,) = response.json["validationErrors"]
    assert fault["field"] == "/registration/expires"
    assert client.get(LAMP).status_code == 404


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        (5, "/registration", "object"),
        ("text", "/registration", "object"),
        ([], "/registration", "object"),
        ({"created": "garbage"}, "/registration/created", "RFC 3339"),
        ({"modified": 1}, "/registration/modified", "RFC 3339"),
        ({"retrieved": "2030-01-01"}, "/registration/retrieved", "RFC 3339"),
        ({"expires": "2030-01-01T23:59:60Z"}, "/registration/expires", "leap second"),
        ({"expires": "9999-12-31T23:59:59-12:00"}, "/registration/expires", "year 9999"),
        ({"ttl": 3.2e9}, "/registration/ttl", "up to 3153600000"),
        ({"ttl": 0}, "/registration/ttl", "above 0"),
        ({"ttl": "60"}, "/registration/ttl", "a number"),
        ({"ttl": True}, "/registration/ttl", "a number"),
    ],
)
def test_what_is_no_registration_is_told(client, thing, given, field, word):
    """The schema of Enriched TDs holds, also for what the directory says itself."""
    response = client.put(LAMP, json=thing(id="urn:ex:lamp", registration=given))
    (fault,) = response.json["validationErrors"]
    assert (response.status_code, fault["field"]) == (400, field)
    assert word in fault["description"]


def test_all_faults_are_told_at_once(client, thing):
    """Also that of an expiry, which `ttl` would have set aside."""
    wrong = {"ttl": -1, "expires": "soon", "created": "once"}
    response = client.put(LAMP, json=thing(id="urn:ex:lamp", registration=wrong))
    fields = {fault["field"].rpartition("/")[2] for fault in response.json["validationErrors"]}
    assert fields == {"ttl", "expires", "created"}


@given(
    st.dictionaries(
        st.sampled_from(["ttl", "expires", "created", "else"]),
        st.none() | st.floats() | st.integers() | st.text() | st.datetimes().map(str),
    )
)
def test_whatever_is_sent_is_taken_or_refused(given):
    """No value is an error of the directory's own."""
    with suppress(ValidationError):
        kept = registered(given, None, NOW, "http")
        assert kept["created"] == kept["modified"] == "2026-01-01T00:00:00.000Z"
