"""The carrier, over HTTP."""

import json
from urllib.request import Request, urlopen

from django.conf import settings

TIMEOUT = 10.0


def buy_label(parcel: int, weight: int, *, key: str) -> str:
    """The label of this parcel; asked again with the same ``key``, the carrier sells no second.

    Raises OSError if it can't be reached or refuses.
    """
    body = json.dumps({"parcel": parcel, "weight": weight}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    request = Request(settings.CARRIER_URL, data=body, headers=headers)
    with urlopen(request, timeout=TIMEOUT) as answer:
        return str(json.load(answer)["label"])
