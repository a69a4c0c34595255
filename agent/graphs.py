"""Find cycles among things that name each other."""

from collections.abc import Iterable, Mapping


def cycle_in(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one cycle, such as `[a, b, a]`, or nothing; without recursion, in linear time."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        on_path: set[str] = set()
        stack = [(start, iter(edges.get(start, ())))] if start not in done else []
        if stack:
            path, on_path = [start], {start}
        while stack:
            node, others = stack[-1]
            following = next(others, None)
            if following is None:
                stack.pop()
                done.add(node)
                on_path.discard(node)
                path.pop()
            elif following in on_path:
                return [*path[path.index(following) :], following]
            elif following not in done:
                stack.append((following, iter(edges.get(following, ()))))
                path.append(following)
                on_path.add(following)
    return []
