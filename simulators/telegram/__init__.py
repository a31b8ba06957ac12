"""A strict stand-in for api.telegram.org: `python -m simulators.telegram --port N [--bots FILE.json] [--open]`.

Owns nothing of the product and imports nothing of it. Used by the demo (with the chat page at `/`), by tests
(`running_simulator()`) and by benches. Bots reach it at `/bot<TOKEN>/<method>` and `/file/bot<TOKEN>/<path>`.

Control API (JSON; `bot` is an id, a token or @username; errors are `{"error": ...}` with 400, 404 or 409):

- `GET /control/state` bots, users, groups, limits; `GET /health`
- `POST /control/bots {token?, username?, first_name?, can_join_groups?, can_read_all_group_messages?, stars?}`;
  `DELETE /control/bots/{id}` (its token gets 401)
- `POST /control/users {id?, first_name?, last_name?, username?, language_code?}`; `POST /control/deactivate {user}`
- `POST /control/revoke {bot}` gives a bot a new token (the old one gets 401)
- `POST /control/groups {title, type?: group|supergroup|channel, id?, username?, is_forum?, members?: [user ids],
  bots?: [], admins?: [bots]}`; `POST /control/groups/{id}/ACT {bot?|user?, actor?, ...}`: add, leave, kick, promote,
  demote, migrate, delete, join_request, restrict {types: ["text", "write", ...]}, topic {name},
  {close|reopen|delete}_topic {thread}
- `POST /control/business {bot, user, can_reply?, enabled?, id?}` lends an account (business_connection), `GET
  /control/business/{id}?user=` its chat with a customer, `POST /control/business/{id}/{say|edit|delete} {user: the
  customer, text?|kind?|message?, from_owner?, message_id?, message_ids?}`
- `POST /control/say {bot, user, chat?, text, reply_to?, ...Message fields}`; a command is a text starting with "/"
- `POST /control/post {bot, user, chat?, message: {...Message fields}}`; wherever a person writes, `reply_to` and
  `thread` (a topic) name messages by number
- `POST /control/content {bot, user, chat?, kind, fields?, message?}` a sample of any content that is not a file:
  location, live_location, venue, contact, dice, poll, story, paid_media, rich_message, checklist, web_app_data, ...
- `POST /control/file` multipart (`bot, user, chat?, kind: photo|document|voice|audio|video|animation|sticker|
  video_note, caption?, file`), or JSON with `base64`, `name`, `mime_type` (a small sample when no content is given)
- `POST /control/album {bot, user, chat?, items: [{kind, caption?, ...}] | count, caption?}` one update a file
- `POST /control/edit {bot, user, chat?, message_id, text?|caption?|message?}`; `POST /control/press {bot, user, chat?,
  message_id, data}`; `POST /control/react {bot, user, chat?, message_id, emoji}`
- `POST /control/block {bot, user}`, `/control/unblock`; `POST /control/stop {bot, user}` (the preview's stop button)
- `POST /control/update {bot, update: {...}, filtered?: false, expires?: false}` injects a raw update: only update_id
  is replaced; `filtered` applies allowed_updates, `expires` the lifetime by its own date
- `POST /control/redeliver {bot, count?}` sends the last acknowledged updates (up to 100) to the webhook once more
- `GET /control/chat?bot=&chat=&lenient=` transcript: messages with edits, previews, actions (`lenient`: null, not
  404); `GET /control/chats?bot=&user=`
- `GET /control/calls?bot=&method=&since=ID&limit=` the last 20,000 API calls with times and outcomes; `DELETE` empties
  the logs
- `GET /control/history?bot=&chat=&method=&outcome=ok|lost|refused|running&contains=&since_id=&since=&until=&limit=` the
  last 200,000 sends as `{columns, rows, dropped}`: arrival (CLOCK_MONOTONIC at the request's first byte), connection,
  whether it took effect, status, fault met, message id, text; `GET /control/history/summary?...` the same filter:
  counts by status, outcome and bot, and the fullest sliding window of a bot (1 s), a private chat (1 s) and a group
  (60 s), with `over` sends beyond the limit (`bot_limit`, `private_limit`, `group_limit`, else those of the server)
- `GET|POST|DELETE /control/faults {method: name|"*", action: 429|500|502|504|error|core|hang|close|delay|reset|
  slow_body|slow_accept, times? (0: until cleared), bot?, chat_id?, contains?, chance?, after?, retry_after?, code?,
  description?, parameters?, seconds?}`; `after` lets the call take effect first; `DELETE ?id=` one of them
- `GET|POST /control/limits {enabled?, bot_per_second?, private_burst?, private_interval?, group_per_minute?,
  preview_per_second?, hold_seconds?, ignored_penalty?, ...}`
- `GET|POST /control/holds {bot, chat?, retry_after}` answers 429 to a chat or a whole bot until the time is over; calls
  that ignore it make it longer
- `GET /control/queue?bot=`; `GET /control/stream?bot=` server-sent events; `POST /control/reset`

Files: `server` (application, RunningSimulator), `dispatch` (request to answer), `core` (state and parts), `world` and
`model` (bots, people, chats), `people`, `groups`, `business` (what people do; `acts` is theirs in common), `contents`
(samples of content), `update_queue`, `webhook` and `webhook_http` (delivery), `limits` (flood control; `pacing` its
shapes), `admission` (the server's own limits), `waiting`, `faults`, `answers`, `connections` (sockets), `call_log` and
`windows` (what was sent), `files`, `events`, `transcript`, `params`, `errors`, `clock`, `control`, `control_acts`,
`control_groups` and `control_limits`, `methods/` (the Bot API), `formatting/` (parse modes and entities), `static/`
(the chat page).
"""

from simulators.telegram.clock import FakeClock, SystemClock
from simulators.telegram.core import Options
from simulators.telegram.limits import LimitSettings
from simulators.telegram.server import CORE, RunningSimulator, create_app, running_simulator

__all__ = [
    "CORE",
    "FakeClock",
    "LimitSettings",
    "Options",
    "RunningSimulator",
    "SystemClock",
    "create_app",
    "running_simulator",
]
