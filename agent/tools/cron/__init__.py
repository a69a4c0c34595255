"""Explain cron schedules."""

from agent.tools.cron.explain import CRON_EXPLAIN

TOOLS = (CRON_EXPLAIN,)
