"""What is too much, or not what it says it is, and how a refusal looks."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import SETTINGS, HubUnderTest, running_on_reference

ROW = '{"indicator":"tthc.dossier.received","unit":"25813","period":"2025-08-01","value":1}'
HEADER = "indicator,unit,period,value\n"
LINE = "tthc.dossier.received,25813,2025-08-01,1\n"
LIMIT = 4096
Body = bytes | AsyncIterator[bytes]


@pytest.fixture
async def small(reference_database: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """A hub that takes five rows and four kilobytes."""
    settings = SETTINGS.model_copy(
        update={"data_dir": tmp_path, "pool_size": 5, "max_rows": 5, "max_body_bytes": LIMIT}
    )
    async with running_on_reference(reference_database, settings) as under_test:
        yield under_test


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (answer.status_code, f"/problems/{problem['code']}")
    return answer.status_code, problem["code"], problem["detail"]


async def in_pieces(body: bytes, size: int = 100) -> AsyncIterator[bytes]:
    """A body that is sent without saying how long it is."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def test_a_batch_has_so_many_rows_and_not_one_more(small: HubUnderTest) -> None:
    for media_type, just_enough, too_many in [
        ("application/json", f'{{"readings":[{",".join([ROW] * 5)}]}}', f'{{"readings":[{",".join([ROW] * 6)}]}}'),
        ("application/x-ndjson", f"{ROW}\n" * 5, f"{ROW}\n" * 6),
        ("text/csv", HEADER + LINE * 5, HEADER + LINE * 6),
    ]:
        assert (await small.post(just_enough, media_type)).json()["received"] == 5
        answer = await small.post(too_many, media_type, mode="partial")
        assert refused(answer) == (413, "too-many-rows", "At most 5 rows in one batch; split it.")


async def test_a_body_has_so_many_bytes_however_it_comes(small: HubUnderTest) -> None:
    full = f'{{"readings":[{ROW}]}}'.encode().ljust(LIMIT)
    over = full + b" "
    zipped = {"content-encoding": "gzip"}
    bomb = gzip.compress(b"\n" * 50_000_000)

    fitting: list[tuple[Body, dict[str, str]]] = [
        (full, {}),
        (in_pieces(full), {}),
        (gzip.compress(full), zipped),
        (in_pieces(gzip.compress(full), 10), zipped),
    ]
    for body, headers in fitting:
        answer = await small.post(body, headers=headers)
        assert answer.status_code == 200, answer.text
    too_large: list[tuple[Body, dict[str, str]]] = [
        (over, {}),
        (in_pieces(over), {}),
        (gzip.compress(over), zipped),
        (in_pieces(gzip.compress(over), 10), zipped),
        (in_pieces(bomb, 1000), zipped),
        (b"{}", {"content-length": "999999999999999999999"}),
    ]
    for body, headers in too_large:
        answer = await small.post(body, headers=headers)
        assert refused(answer) == (413, "body-too-large", "At most 4096 bytes after decompression; split the body.")

    # Also where the framework reads the body and not the hub.
    headers = {"X-API-Key": await small.key("admin", ["catalogue:write"]), "content-type": "application/json"}
    bodies: list[tuple[Body, dict[str, str]]] = [(in_pieces(over), {}), (gzip.compress(over), zipped)]
    for body, more in bodies:
        answer = await small.client.post("/v1/units", content=body, headers=headers | more)
        assert refused(answer)[:2] == (413, "body-too-large")
    cut = await small.client.post("/v1/units", content=gzip.compress(b"{}")[:-3], headers=headers | zipped)
    assert refused(cut) == (422, "malformed-body", "The body cannot be read: the gzip data is cut short.")


async def test_a_flood_of_nothings_is_refused_before_it_costs_memory(hub: HubUnderTest) -> None:
    """What it costs is measured in tests/unit/test_batch.py; here it comes through the whole hub."""
    size = 31 * 2**20
    too_many = (413, "too-many-rows", "At most 50000 rows in one batch; split it.")
    rows = f'{{"readings":[{",".join(["{}"] * 50_001)}]}}'
    assert refused(await hub.post(rows)) == too_many
    assert refused(await hub.post(b'{"readings":[' + b"{}," * (size // 3) + b"{}]}")) == too_many
    assert refused(await hub.post(b'{"readings":' + b"[" * size)) == too_many
    assert refused(await hub.post(b'{"readings":' + b'{"":' * 100_000))[:2] == (422, "malformed-body")
    assert refused(await hub.post(b"[" + b"{}," * (size // 3) + b"{}]", "application/x-ndjson")) == too_many
    assert refused(await hub.post(HEADER.encode() + b"," * size, "text/csv")) == too_many
    assert refused(await hub.post(gzip.compress(bytes(33 * 2**20), 1), headers={"content-encoding": "gzip"}))[0] == 413


async def test_what_the_hub_does_not_read_is_said_with_what_it_does(small: HubUnderTest) -> None:
    offered = "send application/json, application/x-ndjson, text/csv."
    for media_type, named in [
        ("application/xml", "application/xml"),
        ("text/json", "text/json"),
        ("", "–"),
        ("Application/VND.ms-excel; x=1", "application/vnd.ms-excel"),
    ]:
        answer = await small.post(ROW, media_type)
        assert refused(answer) == (415, "unsupported-media-type", f"Cannot read '{named}'; {offered}")
    for encoding in ("br", "deflate", "gzip, gzip"):
        answer = await small.post(ROW, headers={"content-encoding": encoding})
        assert refused(answer) == (415, "unsupported-media-type", f"Cannot read '{encoding}'; send gzip, identity.")
    assert (await small.post(f'{{"readings":[{ROW}]}}', headers={"content-encoding": "identity"})).status_code == 200

    good = gzip.compress(f'{{"readings":[{ROW}]}}'.encode())
    zipped = {"content-encoding": "gzip"}
    broken: list[tuple[bytes, str, dict[str, str], str]] = [
        (b"{}", "application/json", zipped, "the gzip data is damaged"),
        (good[:40] + b"\0\0\0\0" + good[44:], "application/json", zipped, "the gzip data is damaged"),
        (good[:-1], "application/json", zipped, "the gzip data is cut short"),
        (b"", "application/json", zipped, "the gzip data is cut short"),
        (good + b"x", "application/json", zipped, "there is more after the end of the gzip data"),
        (b"", "application/json", {}, "EOF while parsing"),
        (b'{"readings": [', "application/json", {}, "EOF while parsing"),
        (b'{"readings": [{"value": NaN}]}', "application/json", {}, "expected value at line 1 column 25"),
        (b'{"readings": [{"value": Infinity}]}', "application/json", {}, "expected value at line 1 column 25"),
        (b'{"readings": [{"value": 1, "value": 2}]}', "application/json", {}, 'Detected duplicate key "value"'),
        (b'{"readings": ["\xff"]}', "application/json", {}, "invalid unicode code point"),
        (b"[]", "application/json", {}, 'it must be {"readings": [ … ]} and nothing else'),
        (b'{"readings": {}}', "application/json", {}, 'it must be {"readings": [ … ]} and nothing else'),
        (b'{"readings": [], "mode": "partial"}', "application/json", {}, "and nothing else"),
        (b"indicator,unit\xff", "text/csv", {}, "it must be UTF-8; byte 14 is not"),
        (b"", "text/csv", {}, "the first row must name the columns indicator, unit, period, value, status, note"),
        (LINE.encode(), "text/csv", {}, "the first row must name the columns"),
        (b"indicator,unit,period,value,source\n", "text/csv", {}, "the first row must name the columns"),
        (b"indicator,unit,period,value,value\n", "text/csv", {}, "the first row must name the columns"),
        ((HEADER + 'a,b,c,"d').encode(), "text/csv", {}, "CSV line 2: unexpected end of data"),
    ]
    for body, media_type, headers, words in broken:
        status, code, detail = refused(await small.post(body, media_type, headers=headers))
        assert (status, code) == (422, "malformed-body"), body
        assert detail.startswith("The body cannot be read: "), detail
        assert words in detail, (words, detail)


async def test_every_refusal_is_a_problem_in_the_callers_language_with_the_request_id(small: HubUnderTest) -> None:
    @small.app.get("/oops")
    async def oops() -> None:
        raise RuntimeError("nobody foresaw this")

    key = await small.key()
    cases: list[tuple[str, str, dict[str, Any], int]] = [
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/v1/units/nothing", {}, 404),
        ("DELETE", "/v1/readings", {}, 405),
        ("POST", "/v1/readings", {}, 401),
        ("POST", "/v1/readings", {"headers": {"X-API-Key": "x"}}, 401),
        ("POST", "/v1/readings", {"headers": {"X-API-Key": key}}, 415),
        ("POST", "/v1/readings", {"content": b" " * (LIMIT + 1)}, 413),
        ("POST", "/v1/readings", {"json": {"readings": [{}]}, "headers": {"X-API-Key": key}}, 422),
        ("POST", "/v1/units", {"content": b"{", "headers": {"content-type": "application/json"}}, 422),
        ("GET", "/v1/readings", {}, 422),
        ("GET", "/v1/readings?indicator=tthc.dossier.received&unit=79", {"headers": {"accept": "image/png"}}, 406),
    ]
    for method, path, how, status in cases:
        shown = {}
        for language, asked in (("vi", None), ("en", "en-GB, vi;q=0.5"), ("vi", "fr"), ("vi", "vi, en")):
            headers = {"accept-language": asked or "", "X-Request-Id": f"call-{language}", **how.get("headers", {})}
            answer = await small.client.request(method, path, **(how | {"headers": headers}))

            assert refused(answer)[0] == status, (path, answer.text)
            problem = answer.json()
            assert set(problem) == {"type", "title", "status", "detail", "code", "request_id", "errors"}
            assert problem["request_id"] == answer.headers["x-request-id"] == f"call-{language}"
            assert answer.headers["content-language"] == language
            shown[language, asked] = problem["title"]
        vietnamese = {title for (language, _), title in shown.items() if language == "vi"}
        assert len(vietnamese) == 1
        assert vietnamese.isdisjoint({shown["en", "en-GB, vi;q=0.5"]})
        kind = await small.client.get(problem["type"])
        assert (kind.json()["status"], kind.json()["title"]) == (status, shown["en", "en-GB, vi;q=0.5"])

    unforeseen = await small.client.get("/oops", headers={"X-Request-Id": "call-en"})
    assert refused(unforeseen)[:2] == (500, "internal-error")
    assert "nobody foresaw" not in unforeseen.text
    assert unforeseen.json()["request_id"] == unforeseen.headers["x-request-id"] == "call-en"

    for given in (None, "x" * 65, "two words"):  # an id that could not stand in a log is replaced
        headers = {} if given is None else {"X-Request-Id": given}
        answer = await small.client.get("/v1/nothing", headers=headers)
        assert answer.json()["request_id"] == answer.headers["x-request-id"] != given
        assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize(("method", "path", "kind"), [
    ("POST", "/v1/readings", "application/json"), ("POST", "/v1/reports", "application/json"),
    ("PUT", "/v1/reports/{id}/photos/1", "image/jpeg"),
    ("POST", "/open311/v2/requests.json", "application/x-www-form-urlencoded"),
])  # fmt: skip
async def test_who_goes_away_in_the_middle_of_a_body_is_no_failure_of_the_hub(
    small: HubUnderTest, method: str, path: str, kind: str
) -> None:
    key = await small.key(scopes=["readings:write", "reports:submit"])
    report = {"id": str(uuid4()), "category": "road", "description": "Ổ gà.", "address": "12 Hùng Vương"}
    sent = await small.client.post("/v1/reports", json=report, headers={"X-API-Key": key})
    pieces = iter([{"type": "http.request", "body": b'{"readings"', "more_body": True}, {"type": "http.disconnect"}])
    statuses = []

    async def receive() -> Any:
        return next(pieces)

    async def note(message: Any) -> None:
        statuses.append(message.get("status"))

    headers = [(b"x-api-key", key.encode()), (b"content-type", kind.encode()), (b"content-length", b"100")]
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path.format(id=report["id"]), "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http",
    }  # fmt: skip
    await small.app(scope, receive, note)

    assert sent.status_code == 201
    assert statuses[0] in {400, 422}
