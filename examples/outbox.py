"""A row of the database and its update, both or neither: the outbox pattern, with SQLite.

outbox.py DATABASE move CARD COLUMN    what a request of your app does
outbox.py DATABASE relay URL TOKEN     a process of its own beside it, one at a time
"""
import json
import sqlite3
import sys
import time

from publisher import Publisher, PublishError

IDLE_SECONDS = 0.2


def connect(path):
    db = sqlite3.connect(path, timeout=10)
    db.executescript('''
        PRAGMA journal_mode = WAL;
        CREATE TABLE IF NOT EXISTS cards (card TEXT PRIMARY KEY, position TEXT NOT NULL CHECK (position IN ('todo', 'doing', 'done')));
        -- AUTOINCREMENT: an id is never given twice, also when its row is gone.
        CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, event TEXT NOT NULL, payload TEXT NOT NULL);
    ''')
    return db


def move(db, card, column):
    """One transaction: when it is rolled back, there is nothing to publish; when it is committed, nothing can be lost."""
    with db:
        db.execute('INSERT INTO cards VALUES (?, ?) ON CONFLICT (card) DO UPDATE SET position = excluded.position', (card, column))
        db.execute('INSERT INTO outbox (room, event, payload) VALUES (?, ?, ?)',
                   ('acme/board-1', 'CARD_MOVED', json.dumps({'card': card, 'column': column})))


def relay(db, publisher):
    """Publishes in the order of rows. Killed after publishing, it publishes the row again: its id makes that no second update."""
    while True:
        rows = db.execute('SELECT id, room, event, payload FROM outbox ORDER BY id LIMIT 100').fetchall()
        for id, room, event, payload in rows:
            try:
                publisher.publish(room, event, json.loads(payload), id=f'outbox-{id}')
            except PublishError as error:
                # The order is kept: nothing after it goes first. What is refused for good needs somebody to look at it.
                if not error.retryable:
                    raise
                print(error, file=sys.stderr)
                break
            with db:
                db.execute('DELETE FROM outbox WHERE id = ?', (id,))
        if not rows:
            time.sleep(IDLE_SECONDS)


if __name__ == '__main__':
    database, command, first, second = sys.argv[1:5]
    if command == 'move':
        move(connect(database), first, second)
    else:
        relay(connect(database), Publisher(first, second))
