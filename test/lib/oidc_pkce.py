"""oidc_pkce.py PORT - oidc-provider-mock with authlib's own check of PKCE, which the mock leaves out"""

import sys

from authlib.oauth2.rfc7636 import CodeChallenge
from oidc_provider_mock import _app

challenges = {}


class Challenge(CodeChallenge):
    def get_authorization_code_challenge(self, authorization_code):
        return challenges[authorization_code.code][0]

    def get_authorization_code_challenge_method(self, authorization_code):
        return challenges[authorization_code.code][1]


class Grant(_app.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        data = request.payload.data
        challenges[code] = data.get("code_challenge"), data.get("code_challenge_method")
        super().save_authorization_code(code, request)


class Server(_app.flask_oauth2.AuthorizationServer):
    def register_grant(self, grant_cls, extensions=None):
        if issubclass(Grant, grant_cls):
            grant_cls, extensions = Grant, [*extensions, Challenge(required=True)]
        super().register_grant(grant_cls, extensions)


_app.flask_oauth2.AuthorizationServer = Server
_app.app(require_client_registration=True, require_nonce=True).run(
    "127.0.0.1", int(sys.argv[1]), use_reloader=False, use_debugger=False)
