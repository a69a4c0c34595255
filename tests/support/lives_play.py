"""Play a life twice, with its events in another order the second time, and shrink one that fails.

The first time, some events arrive after each step, late ones in between. Whenever the product does something at Stripe
because of them (gives a second subscription back, voids what is overdue), a barrier follows: what happens at Stripe
afterwards would depend on when the product has learned of it, as it does in the world. At a barrier everything arrives.
Credits are spent right after barriers only, since what can be spent depends on what has arrived. The second time the
very same steps are done, nothing arrives before a barrier, and there in another order; so both lives must be equal at
every barrier.
"""

import random
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.fakes.stripe import passing
from tests.support.lives import AT_BARRIERS, BARRIER, Life, Setting, Step
from tests.support.lives_check import check
from tests.support.lives_model import Rules
from tests.support.lives_post import ORDERS, Mail
from tests.support.lives_wishes import setting, wishes
from tests.support.shops import Shop

SHRINKING_SECONDS = 60.0


@dataclass(frozen=True)
class Done:
    """A step, what came of it, and at a barrier what everything looked like."""

    step: Step
    came: str
    seen: dict[str, Any] | None = None


class Play:
    """One life from its beginning to its end."""

    def __init__(self, shop: Shop, where: Setting, seed: str) -> None:
        self.life = Life(shop, where)
        self.life.begin()
        self.mail = Mail(self.life, seed)
        self.done: list[Done] = []
        self.now: Step = BARRIER

    # --- For the first time

    def first(self, given: Iterable[Step]) -> list[Done]:
        """Do what is wished, put barriers where they are needed, and return what was done."""
        for wish in given:
            if wish[0] in AT_BARRIERS and (not self.done or self.done[-1].step != BARRIER):
                self._barrier("in order")
            if wish[0] == "pass":
                self._pass(self.life.shop.stripe.world.stamp + wish[1] - int(self.life.setting.start.timestamp()))
            else:
                self._first(wish)
        self._barrier("in order")
        return self.done

    def _pass(self, seconds: int) -> None:
        """Let time pass from one moment at which something falls due to the next one."""
        world, start = self.life.shop.stripe.world, self.life.setting.start
        while (due := min((one[0] for one in passing._due(world)), default=None)) is not None:
            if due - int(start.timestamp()) >= seconds:
                break
            self._first(("until", max(due, world.stamp) - int(start.timestamp())))
        self._first(("until", seconds))

    def _first(self, step: Step) -> None:
        if step == BARRIER:
            self._barrier("in order")
            return
        self.done.append(Done(step, self._do(step)))
        if self.mail.some():
            self._barrier("in order")

    # --- Once more

    def again(self, script: list[Done], order: str) -> None:
        """Do the same once more; what comes of it must be the same."""
        for then in script:
            if then.step == BARRIER:
                self._barrier(order)
                _agree(then.seen, self.done[-1].seen)
                continue
            self.done.append(Done(then.step, self._do(then.step)))
            assert self.done[-1].came == then.came, f"{then.step} came to {self.done[-1].came}, before to {then.came}"

    # --- Both

    def _do(self, step: Step) -> str:
        self.now = step
        if step[0] in ("spend", "charge"):
            rules = Rules(self.life)
            wallet = rules.wallet()
            price = min(step[1], wallet["plan"] + wallet["pack"])
            return self.life.spend(price, rules.key(), keep=step[0] == "spend") if price else "nothing to spend"
        return self.life.fail() if step[0] == "fail" else self.life.do(step)

    def _barrier(self, order: str) -> None:
        self.now = BARRIER
        self.mail.round(order)
        self.done.append(Done(BARRIER, "", check(self.life)))

    def told(self) -> Iterator[str]:
        """Tell what was done, one line each."""
        for done in self.done:
            yield f"    {done.step!r},  # {done.came}"


def _agree(one: dict[str, Any] | None, other: dict[str, Any] | None) -> None:
    assert one is not None and other is not None
    different = {key: (value, other[key]) for key, value in one.items() if value != other[key]}
    assert not different, "\n".join(f"{key}: first {a}, now {b}" for key, (a, b) in different.items())


@dataclass
class Count:
    """What was played in all."""

    lives: int = 0
    steps: int = 0
    barriers: int = 0
    deliveries: int = 0


@dataclass
class Failed(Exception):
    """A life in which something is wrong."""

    where: Setting
    order: str
    lines: list[str]
    trouble: str

    def __str__(self) -> str:
        return "\n".join([repr(self.where), f"second time: {self.order}", *self.lines, self.trouble])


def play(shop: Shop, where: Setting, given: Iterable[Step] | None, seed: str, order: str, count: Count) -> None:
    """Play one life twice; without wishes they are made up as it goes."""
    playing = Play(shop, where, seed)
    try:
        script = playing.first(wishes(playing.life, random.Random(seed)) if given is None else given)
        played, playing = playing, Play(shop, where, f"{seed} again")
        playing.again(script, order)
    except Exception as error:
        last = "".join(traceback.format_exception(error, limit=-6))
        raise Failed(where, order, [*playing.told(), f"    {playing.now!r},  # here"], last) from None
    count.lives += 1
    for one in (played, playing):
        count.steps += sum(done.step != BARRIER for done in one.done)
        count.barriers += sum(done.step == BARRIER for done in one.done)
        count.deliveries += one.mail.deliveries


def random_life(shop: Shop, seed: str, count: Count) -> str | None:
    """Play the life of this seed; one that fails is shrunk, and its story returned."""
    chance = random.Random(f"{seed} setting")
    where, order = setting(chance), chance.choice(ORDERS)
    failed = trial(shop, where, None, seed, order, count)
    if failed is None:
        return None
    return f"life {seed} went wrong; again: LIFE={seed}\n{shrunk(shop, seed, failed)}"


def trial(
    shop: Shop, where: Setting, given: Iterable[Step] | None, seed: str, order: str, count: Count
) -> Failed | None:
    """Play, and return what went wrong."""
    try:
        play(shop, where, given, seed, order, count)
    except Failed as failed:
        return failed
    return None


def shrunk(shop: Shop, seed: str, failed: Failed) -> Failed:
    """Return the shortest life that is found to fail, with steps left out one after the other."""
    steps, until = steps_of(failed.lines), time.monotonic() + SHRINKING_SECONDS
    shorter = True
    while shorter:
        shorter = False
        for at in reversed(range(len(steps))):
            fewer = steps[:at] + steps[at + 1 :]
            again = trial(shop, failed.where, fewer, seed, failed.order, Count()) if time.monotonic() < until else None
            if again is not None:
                failed, steps, shorter = again, fewer, True
    return failed


def steps_of(lines: Iterable[str]) -> list[Step]:
    """Return the steps of a life that was told."""
    return [eval(line.rpartition("#")[0].strip().rstrip(",")) for line in lines]
