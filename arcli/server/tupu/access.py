"""Who is calling by the Tupu protocol: a secretId whose key signed the request recently, and once."""

from __future__ import annotations

import time

from arcli.errors import ArcliError, BadSignature, NotAuthorized
from arcli.gallery import Gatekeeper
from arcli.models import Principal, Scope, TupuBinding
from arcli.protocols.tupu.codes import TupuCode
from arcli.protocols.tupu.keys import load_public_key
from arcli.protocols.tupu.signing import Signed, fresh, sign_string, verify

_NONCE_LIMIT = 128  # characters


class TupuRefusal(NotAuthorized):
    """A request that is answered with a code of Tupu's other than that of its error."""

    def __init__(self, message: str, code: TupuCode = TupuCode.NOT_AUTHORIZED) -> None:
        super().__init__(message)
        self.tupu_code = code


def admit(gatekeeper: Gatekeeper, secret_id: str, signed: Signed) -> Principal:
    """Return who signed. The nonce is recorded only once the signature is verified.

    Raises TupuRefusal: unknown secretId, wrong signature, a timestamp more than 300 s away from now, a used
    nonce.
    """
    binding = gatekeeper.binding(secret_id[:256])
    if binding is None:
        raise TupuRefusal("secretId wrong", TupuCode.WRONG_SECRET_ID)
    _verify(binding, signed)
    now = time.time()
    if not fresh(signed.timestamp, now):
        raise TupuRefusal("the timestamp is more than 300 s away from now", TupuCode.WRONG_TIME)
    if len(signed.nonce) > _NONCE_LIMIT:
        raise TupuRefusal(f"the nonce has more than {_NONCE_LIMIT} characters")
    if not gatekeeper.first_use(secret_id=secret_id, nonce=signed.nonce, now=now):
        raise TupuRefusal("the nonce was used before")
    return Principal(username=binding.username, key_id=secret_id, scope=Scope.FIND, channels=binding.channels)


def _verify(binding: TupuBinding, signed: Signed) -> None:
    data = sign_string(binding.secret_id, signed.timestamp, signed.nonce)
    try:
        verify(load_public_key(binding.public_key), signed.signature, data)
    except BadSignature as error:
        raise TupuRefusal("the signature is not that of the registered key") from error
    except ArcliError as error:
        raise TupuRefusal("the registered public key cannot be used", TupuCode.NO_CERTIFICATE) from error
