"""Publishes to Roomcast from Python, with its standard library alone: publisher.py URL TOKEN

One call after the other, so a room's updates keep their order. Each is repeated with the same id until it is settled or
its time is over. A Publisher is for one thread.
"""
import email.utils
import json
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.25, 8
PASSING = {408, 425, 429, 500, 502, 503, 504}


class PublishError(Exception):
    """`code` of the service, or `client/…`; with `id` a `retryable` update can be repeated safely."""

    def __init__(self, code, message, retryable=False, id=None, retry_after=0):
        super().__init__(f'{code}: {message}')
        self.code, self.retryable, self.id, self.retry_after = code, retryable, id, retry_after


class Publisher:
    def __init__(self, url, token, publish_timeout=60, answer_timeout=5):
        """publish_timeout: seconds that an update is tried, below the service's 600; answer_timeout: for one answer."""
        self.url, self.token = url.rstrip('/'), token.strip()
        self.publish_timeout, self.answer_timeout = publish_timeout, answer_timeout
        # A redirected POST would be answered by a page.
        self.opener = urllib.request.build_opener(_NoRedirect)

    def publish(self, room, event, payload, id=None):
        """room: 'acme/board-1'. Returns { id, epoch, offset, duplicate, instances }; raises PublishError."""
        workspace_id, app_id = room.split('/')
        update = {'workspaceId': workspace_id, 'appId': app_id, 'event': event, 'payload': payload, 'id': id or str(uuid.uuid4())}
        return self._repeat(update['id'], lambda: self._send('/api/v1/publish', update))

    def publish_many(self, rooms, event, payload, id=None):
        """One payload to up to 100 rooms. Returns { status, data, error } for each, in their order."""
        id = id or str(uuid.uuid4())
        results = {}

        def send():
            left = [room for room in rooms if not _is_settled(results.get(room))]
            names = [dict(zip(('workspaceId', 'appId'), room.split('/'))) for room in left]
            answer = self._send('/api/v1/publish/many', {'rooms': names, 'event': event, 'payload': payload, 'id': id})
            results.update(zip(left, answer['results']))
            for result in results.values():
                if not _is_settled(result):
                    raise PublishError(result['error']['code'], result['error']['message'], True)

        try:
            self._repeat(id, send)
        except PublishError:
            # Rooms that did not answer in time have an error that says so.
            if not results:
                raise
        return [results[room] for room in rooms]

    def _repeat(self, id, send):
        deadline = time.monotonic() + self.publish_timeout
        attempts = 0
        while True:
            try:
                return send()
            except PublishError as error:
                error.id = id
                pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** attempts) * random.uniform(0.5, 1)
                pause = max(pause, error.retry_after)
                attempts += 1
                if not error.retryable or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)

    def _send(self, path, body):
        headers = {'Authorization': f'Bearer {self.token}', 'Content-Type': 'application/json'}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with self.opener.open(request, timeout=self.answer_timeout) as response:
                status, answer, text = response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            status, answer, text = error.code, error.headers, error.read()
        except OSError as error:
            raise PublishError('client/unreachable', f'{self.url}{path}: {error}', True) from error
        try:
            envelope = json.loads(text)
            data, error = envelope['data'], envelope['error']
        except (ValueError, TypeError, KeyError):
            raise PublishError('client/not-roomcast', f'{self.url}{path} answered {status} ({answer.get_content_type()}), which is not '
                               'an answer of Roomcast: check the address.', status in PASSING) from None
        if error is None:
            return data
        raise PublishError(error['code'], error['message'], error['retryable'] or status in PASSING, retry_after=_seconds(answer.get('Retry-After')))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def _is_settled(result):
    return result is not None and (result['error'] is None or not result['error']['retryable'])


def _seconds(retry_after):
    """A number of seconds, or a date."""
    if retry_after is None:
        return 0
    if retry_after.isdigit():
        return int(retry_after)
    return max(0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())


if __name__ == '__main__':
    publisher = Publisher(*sys.argv[1:3])
    print(json.dumps(publisher.publish('acme/board-1', 'CARD_MOVED', {'card': 'c1', 'column': 2})))
