"""Who is calling: logins and tokens, none of which are verified."""

from polymask.dataloop.emulator.call import Answer, Call, Route, answer
from polymask.dataloop.emulator.platform import Platform
from polymask.dataloop.emulator.sdk import fake_token


def me(_platform: Platform, call: Call) -> Answer:
    """Return the user that the token names."""
    return answer({"email": call.user, "username": call.user, "type": "USER"})


def token(_platform: Platform, call: Call) -> Answer:
    """Exchange any credentials or refresh token for a token that lasts a day."""
    # A refresh names nobody; the token to be is then that of the caller.
    user = call.fields.get("username")
    email = user if isinstance(user, str) else call.user
    return answer({"id_token": fake_token(email), "refresh_token": "refresh"})


ROUTES = (Route("GET", "/users/me", me),)
GATE_ROUTES = (Route("POST", "/token", token),)
