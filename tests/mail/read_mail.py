"""Reads a mail as Python's own library and dkimpy read it, and tells it as JSON.

Usage: read_mail.py FILE [BASE64 OF THE DKIM KEY'S PUBLIC HALF]
"""

import email
import email.policy
import hashlib
import json
import sys

with open(sys.argv[1], "rb") as file:
    raw = file.read()
mail = email.message_from_bytes(raw, policy=email.policy.default)


def addresses(name):
    return [
        {"name": one.display_name, "address": f"{one.username}@{one.domain}"}
        for header in mail.get_all(name, [])
        for one in header.addresses
    ]


def part(one):
    content = one.get_content()
    data = content.encode() if isinstance(content, str) else content
    return {
        "type": one.get_content_type(),
        "disposition": one.get_content_disposition(),
        "filename": one.get_filename(),
        "cid": one["content-id"],
        "text": content if isinstance(content, str) else None,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def signed():
    import dkim

    def record(name, timeout=5):
        return f"v=DKIM1; k=rsa; p={sys.argv[2]}".encode()

    return dkim.verify(raw, dnsfunc=record)


parts = [one for one in mail.walk() if not one.is_multipart()]
print(json.dumps({
    "defects": [str(defect) for one in mail.walk() for defect in one.defects],
    "longest": max(len(line) for line in raw.splitlines()),
    "headers": {name.lower(): str(value) for name, value in mail.items()},
    "from": addresses("from"),
    "to": addresses("to"),
    "cc": addresses("cc"),
    "replyTo": addresses("reply-to"),
    "parts": [part(one) for one in parts],
    "dkim": signed() if len(sys.argv) > 2 else None,
}))
