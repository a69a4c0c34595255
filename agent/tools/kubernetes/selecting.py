"""Match labels as the API does, and write selectors in the form that it reads."""

from agent.tools.kubernetes.reading import Json, labels, rows, texts, words


def selects(selector: Json, found: dict[str, str]) -> bool:
    """Return whether a label selector matches these labels; an empty one matches everything."""
    exact = all(found.get(key) == value for key, value in labels(selector, "matchLabels").items())
    return exact and all(_fits(rule, found) for rule in rows(selector, "matchExpressions"))


def _fits(rule: Json, found: dict[str, str]) -> bool:
    key, operator, values = words(rule, "key"), words(rule, "operator"), texts(rule, "values")
    if operator == "In":
        return found.get(key) in values
    if operator == "NotIn":
        return found.get(key) not in values
    return (key in found) == (operator == "Exists")


def written(selector: Json) -> str:
    """Return a label selector as the API's `labelSelector` takes it."""
    parts = [f"{key}={value}" for key, value in labels(selector, "matchLabels").items()]
    for rule in rows(selector, "matchExpressions"):
        key, operator, values = words(rule, "key"), words(rule, "operator"), ",".join(texts(rule, "values"))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(forms.get(operator, f"!{key}"))
    return ",".join(parts)


def template_labels(workload: Json) -> dict[str, str]:
    """Return the labels that a workload's pods get."""
    return labels(workload, "spec", "template", "metadata", "labels")
