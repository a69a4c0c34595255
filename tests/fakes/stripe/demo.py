"""Run the product with payments, on this machine alone: `python -m tests.fakes.stripe.demo`.

The stand-in keeps its objects in memory, so the demo's database begins anew with it each time.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.fakes.stripe import FakeStripe

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "instance" / "demo"
PATIENCE_SECONDS = 10.0
WEBHOOK_SECRET = "whsec_fake"


def main() -> int:
    """Run the stand-in and the product until Ctrl-C; return the product's exit code."""
    port = os.environ.get("PORT", "5000")
    shop = f"http://localhost:{port}"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    # The shop listens on every address family that the machine has; the loopback address is sure to be among them.
    with FakeStripe(f"http://127.0.0.1:{port}/api/stripe/webhook", webhook_secret=WEBHOOK_SECRET) as fake:
        fake.register_webhook(f"{shop}/api/stripe/webhook")
        environment = _environment(fake, port)
        try:
            _prepare(environment)
            _tell(shop, fake.url)
            return _serve(environment)
        except subprocess.CalledProcessError as failed:
            return failed.returncode
        except KeyboardInterrupt:
            return 0


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _environment(fake: FakeStripe, port: str) -> dict[str, str]:
    return os.environ | {
        "APP_ENV": "development",
        "BASE_URL": f"http://localhost:{port}",
        "DATABASE_URL": f"sqlite:///{FOLDER / 'demo.db'}",
        "FLASK_APP": "app",
        "INSTANCE_PATH": str(FOLDER),
        "PAYMENTS": "stripe",
        "PORT": port,
        "STRIPE_API_BASE": fake.url,
        "STRIPE_SECRET_KEY": fake.secret_key,
        "STRIPE_WEBHOOK_SECRET": fake.webhook_secret,
    }


def _prepare(environment: dict[str, str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("demo.db*"):
        old.unlink()
    for command in (["init_subscription_system.py"], ["-m", "flask", "stripe", "sync"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)


def _tell(shop: str, stripe: str) -> None:
    sys.stdout.write(
        f"\nThe shop:            {shop}\n"
        f"Stripe's stand-in:   {stripe}/control\n\n"
        "Sign up at the shop, choose a plan or a pack on its billing page, and pay with one of the test cards.\n"
        "On the control page you let time pass, settle late payments, refund, dispute, and repeat events.\n"
        "Ctrl-C ends both.\n\n"
    )
    sys.stdout.flush()


def _serve(environment: dict[str, str]) -> int:
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return 0


if __name__ == "__main__":
    sys.exit(main())
