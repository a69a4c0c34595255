"""Stand in for AWS on loopback by moto, started once in a process since it is slow to import."""

from functools import cache
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
KEY_ID = "AKIAFAKEFAKEFAKE1234"
SECRET = "fake/secret+of/alice0123456789abcdefghijk"


class FakeAws:
    """Hold the server; `client` makes what a test needs there, with boto3's own HTTP."""

    def __init__(self) -> None:
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        self.url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a connection to it."""
        return {"access_key_id": KEY_ID, "secret_access_key": SECRET, "region": REGION, "endpoint_url": self.url}

    def reset(self) -> None:
        """Forget everything."""
        requests.post(f"{self.url}/moto-api/reset", timeout=20)

    def check_signatures(self, *, after: int) -> None:
        """Check signature and rights of every request, once `after` more have come; a huge number ends that."""
        requests.post(f"{self.url}/moto-api/reset-auth", data=str(after).encode(), timeout=20)

    def client(self, service: str, region: str = REGION) -> Any:
        """Return boto3's client."""
        keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
        return boto3.client(service, region_name=region, endpoint_url=self.url, **keys)  # type: ignore[call-overload]

    def user(self, *actions: str) -> dict[str, str]:
        """Make a user who may do these actions, and return the settings of a connection with their key."""
        iam = self.client("iam")
        iam.create_user(UserName="reader")
        statement = f'{{"Effect":"Allow","Action":{list(actions)},"Resource":"*"}}'.replace("'", '"')
        policy = f'{{"Version":"2012-10-17","Statement":[{statement}]}}'
        iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=policy)
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        return {**self.settings, "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


@cache
def aws_server() -> FakeAws:
    """Return the server of this process."""
    return FakeAws()
