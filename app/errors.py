"""What can go wrong, as classes: each has a stable code, an HTTP status, and its words in Vietnamese and English.

A message says what was wrong, with the value, and what would be right. `problems.py` renders these as RFC 9457 bodies.
A `RowError` is one mistake in one row of a batch; a `HubError` ends the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple


class Text(NamedTuple):
    """The same sentence in both languages; `{facts}` are filled in when it is shown."""

    vi: str
    en: str

    def fill(self, language: str, facts: Mapping[str, Any]) -> str:
        """Without facts the words stay as they are: the name of a unit may have braces in it."""
        words = self.en if language == "en" else self.vi
        return words.format_map(_Facts(facts, language)) if facts else words


class _Facts(dict[str, Any]):
    """Facts may be `Text` themselves; one that is missing shows as a dash rather than hiding the message."""

    def __init__(self, facts: Mapping[str, Any], language: str) -> None:
        super().__init__(
            {key: value.fill(language, {}) if isinstance(value, Text) else value for key, value in facts.items()}
        )

    def __missing__(self, key: str) -> str:
        return "–"


class NotValid(ValueError):
    """What a validator of a schema says: a `ValueError` in both languages."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


@dataclass(frozen=True, slots=True)
class RowError:
    """One mistake in one row (counted from 1; in CSV the header is row 1) or at one place of the body.

    `code` is a key of `ROW_TEXTS`; `facts` fill its sentence.
    """

    code: str
    row: int | None = None
    pointer: str | None = None
    value: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def detail(self, language: str) -> str:
        return ROW_TEXTS[self.code].fill(language, {"value": self.value, **self.facts})


class HubError(Exception):
    """The family. Subclasses are the whole catalogue of problems that the hub reports."""

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    title: ClassVar[Text] = Text("Lỗi nội bộ", "Internal error")
    text: ClassVar[Text] = Text(
        "Trung tâm dữ liệu gặp lỗi ngoài dự kiến; hãy báo mã yêu cầu cho quản trị viên.",
        "The hub failed unexpectedly; give the request id to its administrator.",
    )

    def __init__(
        self, *, errors: Sequence[RowError] = (), headers: Mapping[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(self.code)
        self.errors = errors
        self.headers = dict(headers or {})
        self.facts = facts

    def detail(self, language: str) -> str:
        return self.text.fill(language, self.facts)

    def __str__(self) -> str:
        return self.detail("en")


class InternalError(HubError):
    """The hub failed in a way nobody foresaw. The request id leads to the log entry."""


RETRY_AFTER = 5  # seconds


class Unavailable(HubError):
    """The database cannot be reached or has no room. The same request may be sent again: what was stored after all is not doubled."""

    code, status = "unavailable", 503
    title = Text("Tạm thời không phục vụ được", "Temporarily unavailable")
    text = Text(
        "Cơ sở dữ liệu chưa sẵn sàng; hãy gửi lại đúng yêu cầu này sau {retry_after} giây, không sợ bị ghi hai lần.",
        "The database is not ready; send the same request again in {retry_after} seconds, nothing will be stored twice.",
    )


class Busy(HubError):
    """Others have asked for what takes long, and they come first."""

    code, status = "busy", 503
    title = Text("Đang bận", "Busy")
    text = Text(
        "Nhiều người đang hỏi những câu cần tính lâu; hãy hỏi lại sau {retry_after} giây.",
        "Others are asking for what takes long; ask again in {retry_after} seconds.",
    )


class NotFound(HubError):
    """No such path."""

    code, status = "not-found", 404
    title = Text("Không tìm thấy", "Not found")
    text = Text("Không có đường dẫn {path}.", "There is nothing at {path}.")


class UnknownIndicator(HubError):
    """The catalogue has no indicator with this code."""

    code, status = "unknown-indicator", 404
    title = Text("Không có chỉ tiêu này", "Unknown indicator")
    text = Text("Không có chỉ tiêu '{value}'. {nearest}.", "There is no indicator '{value}'. {nearest}.")


class UnknownUnit(HubError):
    """No unit has or had this code."""

    code, status = "unknown-unit", 404
    title = Text("Không có đơn vị này", "Unknown unit")
    text = Text("Không có đơn vị '{value}'. {nearest}.", "There is no unit '{value}'. {nearest}.")


class UnitNotValid(HubError):
    """The unit exists, but not at the time asked for."""

    code, status = "unit-not-valid", 404
    title = Text("Đơn vị không tồn tại vào thời gian này", "Unit not valid then")
    text = Text(
        "Đơn vị '{value}' không tồn tại trong {when}; nó tồn tại: {validity}. Kế thừa: {successors}.",
        "Unit '{value}' does not exist in {when}; it exists: {validity}. Its successors: {successors}.",
    )


class UnknownDomain(HubError):
    """The catalogue has no domain with this code."""

    code, status = "unknown-domain", 404
    title = Text("Không có lĩnh vực này", "Unknown domain")
    text = Text("Không có lĩnh vực '{value}'. Có: {nearest}.", "There is no domain '{value}'. There are: {nearest}.")


class UnknownScreen(HubError):
    """No screen has this name, or had it at the time asked for."""

    code, status = "unknown-screen", 404
    title = Text("Không có màn hình này", "Unknown screen")
    text = Text(
        "Không có màn hình '{value}' {when}. Có: {nearest}.",
        "There is no screen '{value}' {when}. There are: {nearest}.",
    )


class ScreenChanged(HubError):
    """Somebody else changed the screen since the version that `If-Match` names."""

    code, status = "screen-changed", 412
    title = Text("Màn hình đã bị người khác sửa", "The screen was changed meanwhile")
    text = Text(
        "Màn hình '{value}' đang ở phiên bản {version}, không phải {sent}; hãy đọc lại rồi sửa.",
        "The screen '{value}' is at version {version}, not {sent}; read it again and change that.",
    )


class ScreenMissing(HubError):
    """`If-Match` names a version of a screen that is not there."""

    code, status = "screen-missing", 412
    title = Text("Không có màn hình này", "No such screen to change")
    text = Text(
        "Chưa có màn hình '{value}' (hoặc đã bị xóa); hãy bỏ If-Match để tạo mới.",
        "There is no screen '{value}' (any longer); leave out If-Match to make it.",
    )


class VersionRequired(HubError):
    """A screen that exists is changed only by who says which version was read: `If-Match`."""

    code, status = "version-required", 428
    title = Text("Cần If-Match", "If-Match required")
    text = Text(
        "Màn hình '{value}' đã có (phiên bản {version}); hãy gửi If-Match với ETag của bản đã đọc.",
        "The screen '{value}' exists (version {version}); send If-Match with the ETag of what you read.",
    )


# Displays


class UnknownDisplay(HubError):
    """No display has this number."""

    code, status = "unknown-display", 404
    title = Text("Không có thiết bị hiển thị này", "Unknown display")
    text = Text(
        "Không có thiết bị hiển thị số {value}; xem GET /v1/displays hoặc ioc-hub display list.",
        "There is no display {value}; see GET /v1/displays or ioc-hub display list.",
    )


class UnknownPairing(HubError):
    """No wall waits with this id: its code has expired, or its token was fetched. It asks for a new code."""

    code, status = "unknown-pairing", 404
    title = Text("Mã ghép nối không còn", "Unknown pairing")
    text = Text(
        "Lần ghép nối này đã hết hạn, đã xong, hoặc không tồn tại; hãy xin mã mới.",
        "This pairing has expired, is done, or never was; ask for a new code.",
    )


class PairingNotOpen(HubError):
    """No wall waits with this code: it is mistyped, has expired, or was confirmed already."""

    code, status = "pairing-not-open", 409
    title = Text("Không có màn hình nào đang chờ với mã này", "No display waits with this code")
    text = Text(
        "Không có màn hình nào đang chờ với mã '{value}'; mỗi mã chỉ dùng một lần, trong {minutes} phút. Hãy đọc lại mã đang hiện trên màn hình.",
        "No display waits with the code '{value}'; a code works once, for {minutes} minutes. Read again what the display shows now.",
    )


class TooManyPairings(HubError):
    """So many displays wait to be paired that no further one is given a code. `Retry-After` says when one expires."""

    code, status = "too-many-pairings", 429
    title = Text("Quá nhiều màn hình đang chờ ghép nối", "Too many displays wait to be paired")
    text = Text(
        "Đã có {limit} màn hình đang chờ ghép nối; hãy thử lại sau {retry_after} giây.",
        "{limit} displays wait to be paired; try again in {retry_after} seconds.",
    )


class DisplayRequired(HubError):
    """Only a display, by its token, may say what it shows."""

    code, status = "display-required", 401
    title = Text("Chỉ dành cho thiết bị hiển thị", "Display required")
    text = Text(
        "Chỉ thiết bị hiển thị đã ghép nối và chưa bị thu hồi mới được báo mình đang hiện gì.",
        "Only a display that is paired and not revoked may say what it shows.",
    )


class OutsideDisplay(HubError):
    """The display's screens or units do not include what it asks for."""

    code, status = "outside-display", 403
    title = Text("Ngoài phạm vi của thiết bị hiển thị", "Outside the display's scope")
    text = Text(
        "Thiết bị hiển thị này không được xem '{value}'; phạm vi của nó: {scope}.",
        "This display may not show '{value}'; its scope: {scope}.",
    )


# Photos


class PhotoTooLarge(HubError):
    """The photo has more bytes than the hub takes."""

    code, status = "photo-too-large", 413
    title = Text("Ảnh quá lớn", "Photo too large")
    text = Text(
        "Ảnh có {size} byte, tối đa {limit}; hãy gửi ảnh ở độ phân giải thấp hơn.",
        "The photo has {size} bytes, at most {limit} are taken; send it at a lower resolution.",
    )


class PhotoTooManyPixels(HubError):
    """The photo, decoded, would have more pixels than the hub takes, however few bytes it has."""

    code, status = "photo-too-many-pixels", 413
    title = Text("Ảnh có quá nhiều điểm ảnh", "Too many pixels")
    text = Text(
        "Ảnh có hơn {limit} điểm ảnh; hãy chụp hoặc gửi ở độ phân giải thấp hơn.",
        "The photo has more than {limit} pixels; take or send it at a lower resolution.",
    )


class NotAPhoto(HubError):
    """By its content the file is not JPEG, PNG, WebP or HEIC, whatever its name says."""

    code, status = "not-a-photo", 415
    title = Text("Không phải ảnh", "Not a photo")
    text = Text(
        "Tệp này không phải ảnh (nội dung: {value}); hãy gửi JPEG, PNG, WebP hoặc HEIC.",
        "This file is not a photo (its content is {value}); send JPEG, PNG, WebP or HEIC.",
    )


class PhotoDamaged(HubError):
    """The photo begins like one, but cannot be decoded: it was cut short on its way, or is broken."""

    code, status = "photo-damaged", 422
    title = Text("Ảnh bị hỏng", "Photo damaged")
    text = Text(
        "Ảnh không đọc được: tệp bị hỏng hoặc chưa tải lên hết; hãy gửi lại, hoặc gửi dạng JPEG.",
        "The photo cannot be read: it is damaged or was not uploaded whole; send it again, or as JPEG.",
    )


class PhotoTaken(HubError):
    """The report has another photo with this number, or is in the middle of one."""

    code, status = "photo-taken", 409
    title = Text("Số ảnh đã dùng", "Photo number taken")
    text = Text(
        "Ảnh số {value} của phản ánh này là một ảnh khác (mã băm SHA-256 {stored}; ảnh vừa gửi: {sent}); ảnh mới cần số mới.",
        "Photo {value} of this report is another one (SHA-256 {stored}; what was sent: {sent}); a new photo needs a new number.",
    )


class UnknownPhoto(HubError):
    """There is no such photo (any longer), or not in this size."""

    code, status = "unknown-photo", 404
    title = Text("Không có ảnh này", "Unknown photo")
    text = Text("Không có ảnh '{value}' (hoặc đã bị xóa).", "There is no photo '{value}' (any longer).")


class PhotoLinkRefused(HubError):
    """The link to a photo that is not public has expired, or was not made by the hub. Where it came from gives a new one."""

    code, status = "photo-link-refused", 403
    title = Text("Liên kết ảnh không dùng được", "Photo link refused")
    text = Text("Liên kết đến ảnh này {why}; hãy xin liên kết mới.", "The link to this photo {why}; ask for a new one.")


class PhotoStoreUnavailable(HubError):
    """Where photos are kept cannot be reached or has no room. The same request may be sent again."""

    code, status = "photo-store-unavailable", 503
    title = Text("Kho ảnh tạm thời không phục vụ được", "Photo store unavailable")
    text = Text(
        "Kho ảnh chưa sẵn sàng; hãy gửi lại sau {retry_after} giây.",
        "The store of photos is not ready; send the request again in {retry_after} seconds.",
    )


class TooManyPhotos(HubError):
    """More photos wait to be prepared than the hub gets done soon, or most of them are from this sender. What was sent is kept; send its end again."""

    code, status = "too-many-photos", 503
    title = Text("Đang có quá nhiều ảnh chờ xử lý", "Too many photos are waiting")
    text = Text(
        "Đang có {count} ảnh chờ xử lý; hãy gửi lại phần cuối của ảnh sau {retry_after} giây.",
        "{count} photos are waiting to be prepared; send the end of the photo again in {retry_after} seconds.",
    )


# Webhooks


class UnknownWebhook(HubError):
    """The key has no webhook with this number."""

    code, status = "unknown-webhook", 404
    title = Text("Không có webhook này", "Unknown webhook")
    text = Text(
        "Khóa này không có webhook số {value}; xem GET /v1/webhooks.",
        "This key has no webhook {value}; see GET /v1/webhooks.",
    )


class UnknownDelivery(HubError):
    """The webhook has no delivery with this number (any longer)."""

    code, status = "unknown-delivery", 404
    title = Text("Không có lần gửi này", "Unknown delivery")
    text = Text(
        "Webhook không có lần gửi số {value}; sự kiện được giữ {days} ngày.",
        "The webhook has no delivery {value}; events are kept for {days} days.",
    )


class WebhookDisabled(HubError):
    """Nothing is sent to the webhook until it is made active again."""

    code, status = "webhook-disabled", 409
    title = Text("Webhook đang tắt", "Webhook disabled")
    text = Text(
        "Webhook số {value} đang tắt ({why}); hãy bật lại bằng PATCH với active=true.",
        "The webhook {value} is disabled ({why}); make it active again with PATCH and active=true.",
    )


class TooMuchFromAddress(HubError):
    """From one address comes more than people there can have to say. `Retry-After` says when there is room again."""

    code, status = "too-much-from-address", 429
    title = Text("Gửi quá nhiều từ một nơi", "Too much from one address")
    text = Text(
        "Trong một giờ đã có {limit} {what} từ địa chỉ mạng này; hãy gửi lại sau {retry_after} giây hoặc gọi tổng đài.",
        "{limit} {what} have come from this network address within an hour; send again in {retry_after} seconds, or call the hotline.",
    )


class TooManyWebhooks(HubError):
    """The key has as many webhooks as one key may have."""

    code, status = "too-many-webhooks", 409
    title = Text("Quá nhiều webhook", "Too many webhooks")
    text = Text(
        "Mỗi khóa có tối đa {limit} webhook; hãy xóa bớt.", "A key has at most {limit} webhooks; delete one of them."
    )


class UnknownProblem(HubError):
    """The list of problems has no such code."""

    code, status = "unknown-problem", 404
    title = Text("Không có mã lỗi này", "Unknown problem code")
    text = Text("Không có mã lỗi '{value}'.", "There is no problem with the code '{value}'.")


class MethodNotAllowed(HubError):
    """The path exists, but not with this method. The header `Allow` lists those that work."""

    code, status = "method-not-allowed", 405
    title = Text("Không hỗ trợ phương thức", "Method not allowed")
    text = Text("{path} không nhận {method}; hãy dùng {allow}.", "{path} does not take {method}; use {allow}.")


class NotAcceptable(HubError):
    """None of the media types in `Accept` can be made here."""

    code, status = "not-acceptable", 406
    title = Text("Không có định dạng này", "Not acceptable")
    text = Text("Không trả được '{value}'; có: {offered}.", "Cannot answer in '{value}'; there are: {offered}.")


class PeriodConflict(HubError):
    """The unit's time of validity overlaps that of another unit with the same code, or of an edge with another."""

    code, status = "validity-overlap", 409
    title = Text("Trùng thời gian hiệu lực", "Validity overlaps")
    text = Text(
        "Thời gian hiệu lực trùng với một dòng đã có: {value}.",
        "The time of validity overlaps an existing row: {value}.",
    )


class TreeConflict(HubError):
    """The units would no longer form a tree: one below itself, or with two administrative parents at once."""

    code, status = "tree-conflict", 409
    title = Text("Cây đơn vị không hợp lệ", "Not a tree")
    text = Text("Đơn vị '{value}': {why}.", "Unit '{value}': {why}.")


class BodyTooLarge(HubError):
    """The body, after decompression, is larger than the hub takes in one request."""

    code, status = "body-too-large", 413
    title = Text("Dữ liệu gửi quá lớn", "Body too large")
    text = Text(
        "Mỗi lần gửi tối đa {limit} byte sau giải nén; hãy chia nhỏ.",
        "At most {limit} bytes after decompression; split the body.",
    )


class TooManyRows(HubError):
    """The batch has more rows than the hub takes in one request."""

    code, status = "too-many-rows", 413
    title = Text("Quá nhiều dòng", "Too many rows")
    text = Text(
        "Mỗi lần gửi tối đa {limit} dòng; hãy chia thành nhiều lần.", "At most {limit} rows in one batch; split it."
    )


class UnsupportedMediaType(HubError):
    """The body is in a format or an encoding that this call does not read."""

    code, status = "unsupported-media-type", 415
    title = Text("Không đọc được định dạng", "Unsupported media type")
    text = Text("Không đọc được '{value}'; hãy gửi {offered}.", "Cannot read '{value}'; send {offered}.")


class MalformedBody(HubError):
    """The body is not what its content type says: broken JSON, wrong encoding, damaged gzip, no CSV header."""

    code, status = "malformed-body", 422
    title = Text("Nội dung không đọc được", "Malformed body")
    text = Text("Không đọc được nội dung: {why}.", "The body cannot be read: {why}.")


class InvalidRequest(HubError):
    """Fields of the request are missing, unknown, or have values that cannot be. `errors` names each place."""

    code, status = "invalid-request", 422
    title = Text("Yêu cầu không hợp lệ", "Invalid request")
    text = Text("Có {count} chỗ sai; xem errors.", "{count} places are wrong; see errors.")

    def detail(self, language: str) -> str:
        only_one = Text("Có một chỗ sai; xem errors.", "1 place is wrong; see errors.")
        return only_one.fill(language, {}) if self.facts.get("count") == 1 else super().detail(language)


class RowsRejected(HubError):
    """Rows of the batch are wrong and nothing was stored. `errors` lists every mistake with its row."""

    code, status = "rows-rejected", 422
    title = Text("Lô số liệu bị từ chối", "Rows rejected")
    text = Text(
        "{rejected} trong {received} dòng sai nên không dòng nào được lưu; sửa các dòng trong errors, hoặc gửi với mode=partial để lưu các dòng đúng.",
        "{rejected} of {received} rows are wrong, so nothing was stored; mend those in errors, or send with mode=partial to store the good ones.",
    )


class IdempotencyMismatch(HubError):
    """The idempotency key was used before with another body."""

    code, status = "idempotency-mismatch", 422
    title = Text("Khóa idempotency đã dùng cho nội dung khác", "Idempotency key used for another body")
    text = Text(
        "Khóa '{value}' đã dùng lúc {at} cho nội dung khác; nội dung mới cần khóa mới.",
        "The key '{value}' was used at {at} for another body; a new body needs a new key.",
    )


class TooManyPoints(HubError):
    """The question would answer with more points than one response may have."""

    code, status = "too-many-points", 422
    title = Text("Hỏi quá nhiều điểm", "Too many points")
    text = Text(
        "Câu hỏi này có {count} điểm, tối đa {limit}; hãy thu hẹp khoảng thời gian, đơn vị hoặc chỉ tiêu.",
        "This question has {count} points, the limit is {limit}; ask for a shorter time, fewer units or indicators.",
    )


class TooManyReadings(HubError):
    """More readings stand behind a figure than can be told of while somebody waits."""

    code, status = "too-many-readings", 422
    title = Text("Quá nhiều số liệu phía sau", "Too many readings behind it")
    text = Text(
        "Số này được tính từ hơn {limit} số liệu, là mức có thể kể ra; hãy hỏi một kỳ ngắn hơn hoặc một đơn vị nhỏ hơn.",
        "More than {limit} readings stand behind this figure, and no more can be told of; ask about a shorter period or a smaller unit.",
    )


class KeyRequired(HubError):
    """This call needs an API key, and none came with it."""

    code, status = "key-required", 401
    title = Text("Cần khóa API", "API key required")
    text = Text(
        "Hãy gửi khóa API trong tiêu đề X-API-Key (hoặc Authorization: Bearer): {why}.",
        "Send an API key in the header X-API-Key (or Authorization: Bearer): {why}.",
    )


class KeyRefused(HubError):
    """The API key is not (or no longer) good for anything."""

    code, status = "key-refused", 401
    title = Text("Khóa API không dùng được", "API key refused")
    text = Text(
        "Khóa API {why}; hãy xin quản trị viên khóa mới.", "The API key {why}; ask the administrator for a new one."
    )


class ScopeMissing(HubError):
    """The API key is good, but not for this."""

    code, status = "scope-missing", 403
    title = Text("Khóa không có quyền này", "Not allowed with this key")
    text = Text(
        "Khóa này thiếu quyền '{scope}'; nó có: {scopes}.", "This key lacks the scope '{scope}'; it has: {scopes}."
    )


class OutsideKeyUnits(HubError):
    """The API key's units or domains do not include the one to be changed."""

    code, status = "outside-scope", 403
    title = Text("Ngoài phạm vi của khóa", "Outside the key's scope")
    text = Text(
        "'{value}' nằm ngoài phạm vi của khóa này: {scope}.", "'{value}' is outside the scope of this key: {scope}."
    )


# Reports


class UnknownReport(HubError):
    """There is no report with this id that this caller may see."""

    code, status = "unknown-report", 404
    title = Text("Không có phản ánh này", "Unknown report")
    text = Text("Không có phản ánh '{value}' nào mà bạn được xem.", "There is no report '{value}' that you may see.")


class UnknownService(HubError):
    """Open311: nothing may be reported under this service_code."""

    code, status = "unknown-service", 404
    title = Text("Không có lĩnh vực phản ánh này", "Unknown service")
    text = Text(
        "Không có service_code '{value}'. Có: {known}.", "There is no service_code '{value}'. There are: {known}."
    )


class UnknownJurisdiction(HubError):
    """Open311: the hub answers for one jurisdiction, and not for this one."""

    code, status = "unknown-jurisdiction", 404
    title = Text("Không có địa bàn này", "Unknown jurisdiction")
    text = Text(
        "Không có jurisdiction_id '{value}' ở đây; hãy {instead}.",
        "There is no jurisdiction_id '{value}' here; {instead}.",
    )


class ReportConflict(HubError):
    """The id was used for another report: what was sent is not what is stored under it. Both hashes (keyed, of all but the contact) are in the message."""

    code, status = "report-conflict", 409
    title = Text("Mã phản ánh đã dùng", "Report id taken")
    text = Text(
        "Mã '{value}' đã dùng cho phản ánh có nội dung khác (mã băm {stored}; nội dung vừa gửi: {sent}); phản ánh mới cần mã mới.",
        "The id '{value}' belongs to a report with other content (hash {stored}; what was sent: {sent}); a new report needs a new id.",
    )


class ReporterUnknown(HubError):
    """The report came without a name, a telephone number or an e-mail address."""

    code, status = "reporter-unknown", 404
    title = Text("Không có thông tin người gửi", "No reporter")
    text = Text(
        "Phản ánh '{value}' gửi đến không kèm thông tin liên hệ.", "The report '{value}' came without a contact."
    )


class ReporterErased(HubError):
    """Who sent the report was erased; nobody can read it any more."""

    code, status = "reporter-erased", 410
    title = Text("Thông tin người gửi đã xóa", "Reporter erased")
    text = Text(
        "Thông tin người gửi phản ánh '{value}' đã được xóa vĩnh viễn.",
        "Who sent the report '{value}' was erased for good.",
    )


class OutsideArea(HubError):
    """The place is not one that this operator answers for. The message names whose it is."""

    code, status = "outside-area", 422
    title = Text("Ngoài địa bàn", "Outside the area")
    text = Text(
        "Điểm này thuộc {where}, ngoài địa bàn của trung tâm này; hãy gửi tới trung tâm điều hành hoặc tổng đài phản ánh của {whom}.",
        "This place belongs to {where}, which this centre does not answer for; turn to the operations centre or the report hotline of {whom}.",
    )


class MoveNotAllowed(HubError):
    """The state of the report does not allow this move, or not by this caller. The message lists what it allows."""

    code, status = "move-not-allowed", 409
    title = Text("Không chuyển trạng thái được", "Move not allowed")
    text = Text(
        "Phản ánh đang ở '{state}', không chuyển sang '{value}' được ({why}); bạn có thể: {allowed}.",
        "The report is '{state}' and cannot become '{value}' ({why}); you may: {allowed}.",
    )


class RatingNotAllowed(HubError):
    """The report cannot be rated: not by this caller, not yet, or not any more."""

    code, status = "rating-not-allowed", 409
    title = Text("Không đánh giá được", "Rating not allowed")
    text = Text("Không đánh giá phản ánh này được: {why}.", "This report cannot be rated: {why}.")


class UnknownComment(HubError):
    """The report has no comment with this id that others may read."""

    code, status = "unknown-comment", 404
    title = Text("Không có bình luận này", "Unknown comment")
    text = Text("Phản ánh không có bình luận '{value}'.", "The report has no comment '{value}'.")


class UnknownNotice(HubError):
    """There is no notice with this id."""

    code, status = "unknown-notice", 404
    title = Text("Không có thông báo này", "Unknown notice")
    text = Text(
        "Không có thông báo '{value}'; xem GET /v1/notices.", "There is no notice '{value}'; see GET /v1/notices."
    )


class CommentConflict(HubError):
    """The id was used for another comment."""

    code, status = "comment-conflict", 409
    title = Text("Mã bình luận đã dùng", "Comment id taken")
    text = Text(
        "Mã '{value}' đã dùng cho bình luận khác; bình luận mới cần mã mới.",
        "The id '{value}' belongs to another comment; a new comment needs a new id.",
    )


def all_errors() -> list[type[HubError]]:
    """The catalogue of problems, by status and code."""
    return sorted(HubError.__subclasses__(), key=lambda error: (error.status, error.code))


PERIOD_FORMS = "2024, 2024-Q3, 2024-10, 2024-W41, 2024-10-05, 2024-10-05T14, 2024-10-05T14:03:00+07:00"

ROW_TEXTS: Mapping[str, Text] = {
    # the shape of a row or a parameter
    "missing": Text("Thiếu trường này.", "This field is missing."),
    "unknown-field": Text(
        "Không có trường này{meant}; các trường: {fields}.",
        "There is no such field{meant}; the fields are: {fields}.",
    ),
    "wrong-type": Text("Phải là {expected}.", "It must be {expected}."),
    "invalid": Text("Giá trị không hợp lệ: {why}.", "The value is not valid: {why}."),
    "not-one-of": Text("Phải là một trong: {expected}.", "It must be one of: {expected}."),
    "out-of-range": Text("Ngoài giới hạn: {why}.", "Out of range: {why}."),
    "photo-refused": Text("Ảnh thứ {number} ('{value}'): {why}.", "Photo {number} ('{value}'): {why}."),
    "malformed-json": Text("Dòng này không phải JSON: {why}.", "This line is not JSON: {why}."),
    "malformed-csv": Text("Dòng CSV hỏng: {why}.", "The CSV row is broken: {why}."),
    # the meaning of a reading
    "unknown-indicator": Text("Không có chỉ tiêu '{value}'. {nearest}.", "There is no indicator '{value}'. {nearest}."),
    "domain-inactive": Text("Lĩnh vực '{domain}' đang tắt ở đây.", "The domain '{domain}' is switched off here."),
    "unknown-unit": Text("Không có đơn vị '{value}'. {nearest}.", "There is no unit '{value}'. {nearest}."),
    "unit-not-valid": Text(
        "Đơn vị '{value}' không tồn tại vào kỳ {period}; nó tồn tại: {validity}. Kế thừa: {successors}.",
        "Unit '{value}' does not exist in {period}; it exists: {validity}. Its successors: {successors}.",
    ),
    "unit-ambiguous": Text(
        "Mã '{value}' là nhiều đơn vị trong kỳ {period}; hãy ghi rõ ngày: {choices}.",
        "The code '{value}' is several units in {period}; add a date: {choices}.",
    ),
    "period-malformed": Text(
        f"'{{value}}' không phải một kỳ: sai dạng, hoặc lịch không có kỳ ấy; các dạng: {PERIOD_FORMS}.",
        f"'{{value}}' is not a period: of none of the forms, or one that the calendar does not have; the forms are: {PERIOD_FORMS}.",
    ),
    "period-too-fine": Text(
        "Chỉ tiêu này có kỳ {periodicity}, '{value}' nhỏ hơn; ví dụ đúng: {example}.",
        "This indicator is {periodicity}; '{value}' is finer; a right one is {example}.",
    ),
    "cumulative-period": Text(
        "Số lũy kế là số từ đầu năm đến một ngày, không phải của cả kỳ '{value}'; hãy gửi cho kỳ cuối cùng: {example}.",
        "A year-to-date figure is that of a moment, not of all of '{value}'; send it for the last period in it: {example}.",
    ),
    "period-in-future": Text(
        "Kỳ '{value}' bắt đầu sau {latest}, là muộn nhất được nhận bây giờ.",
        "The period '{value}' starts after {latest}, the latest that is taken now.",
    ),
    "instant-too-old": Text(
        "Số đo tức thời '{value}' có trước {since}; của thời gian ấy chỉ còn giữ số theo giờ. Hãy gửi số của giờ, viết như {example}.",
        "The instant '{value}' is from before {since}; of that time only hours are kept. Send the hour's value, written like {example}.",
    ),
    "value-not-number": Text(
        "'{value}' không phải số thập phân hữu hạn; viết như 1234.5, dùng dấu chấm, không có dấu phân nhóm.",
        "'{value}' is not a finite decimal; write it like 1234.5, with a point and without group separators.",
    ),
    "value-missing": Text(
        "Thiếu giá trị; hãy bỏ dòng này, hoặc ghi null để rút số liệu đã gửi.",
        "The value is missing; leave the row out, or write null to withdraw what was sent.",
    ),
    "value-ambiguous": Text(
        "'{value}' có thể là số thập phân hoặc có dấu phân nhóm; hãy ghi không có dấu phân nhóm, ví dụ 1234 hoặc 1,234.",
        "'{value}' may be a decimal or have group separators; write it without them, like 1234 or 1,234.",
    ),
    "value-too-long": Text(
        "'{value}' có quá nhiều chữ số; tối đa {integers} trước và {decimals} sau dấu thập phân.",
        "'{value}' has too many digits; at most {integers} before and {decimals} after the decimal point.",
    ),
    "duplicate-conflict": Text(
        "Cùng chỉ tiêu, đơn vị và kỳ với dòng {first} nhưng khác giá trị.",
        "The same indicator, unit and period as row {first}, with another value.",
    ),
    "outside-scope": Text(
        "Khóa này không được ghi '{value}'; phạm vi của nó: {scope}.",
        "This key may not write '{value}'; its scope: {scope}.",
    ),
    "other-source": Text(
        "Chỉ tiêu này của đơn vị này thuộc nguồn '{owner}'; hai nguồn không cùng ghi một số liệu ({advice}).",
        "This indicator of this unit belongs to the source '{owner}'; two sources cannot own the same figure ({advice}).",
    ),
    "withdrawn": Text(
        "Số liệu này đã bị rút lúc {at}; để khôi phục, gửi lại với reinstate=true.",
        "This reading was withdrawn at {at}; to bring it back, send it with reinstate=true.",
    ),
    "nothing-to-withdraw": Text("Không có số liệu nào để rút.", "There is no reading to withdraw."),
    # the meaning of a screen's definition
    "outside-grid": Text("Vượt ra ngoài lưới; ở đây tối đa {most}.", "It leaves the grid; at most {most} here."),
    "overlaps": Text("Chồng lên ô '{other}'.", "It overlaps the widget '{other}'."),
    "id-taken": Text("Mã '{value}' đã dùng ở {first}.", "The id '{value}' is used at {first} already."),
    "not-additive": Text(
        "'{value}' không cộng theo đơn vị (quy tắc: {law}) nên không xếp hạng hay chia phần được.",
        "'{value}' does not add up over units (law: {law}), so its units cannot be ranked or be parts of a whole.",
    ),
    "other-measure": Text(
        "'{value}' đo bằng {measure}, tổng thể đo bằng {other}.", "'{value}' is in {measure}, the whole is in {other}."
    ),
    # what a display may show
    "unknown-screen": Text(
        "Không có màn hình '{value}'. Có: {known}.", "There is no screen '{value}'. There are: {known}."
    ),
    # warnings
    "count-negative": Text(
        "Chỉ tiêu này đếm {measure}; số âm thường là nhầm dấu{more}.",
        "This indicator counts {measure}; a negative number is rarely right{more}.",
    ),
    "count-fraction": Text(
        "Chỉ tiêu này đếm {measure}; '{value}' không phải số nguyên{more}.",
        "This indicator counts {measure}; '{value}' is not a whole number{more}.",
    ),
    "period-ahead": Text(
        "Kỳ '{value}' chưa bắt đầu; số liệu vẫn được nhận. Nếu là số ước, hãy ghi status là estimated{more}.",
        "The period '{value}' has not begun yet; the reading is taken all the same. A forecast has the status estimated{more}.",
    ),
    "ratio-computed": Text(
        "Tỷ lệ này cũng được tính từ {numerator} / {denominator}; số đã gửi chỉ hiện ở đúng đơn vị và kỳ này.",
        "This ratio is also computed from {numerator} / {denominator}; what was sent shows for exactly this unit and period.",
    ),
}
