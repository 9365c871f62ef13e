"""telerole and AutoGen AgentChat, both ways round; runs offline."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat

from telerole import Catalog, Scenario, ScriptedBackend, Simulator
from telerole.autogen import CallEnded, MerchantAgent, SalespersonAgent, chat_client

# With a real model: OpenAIChatCompletionClient(model="gpt-4.1") from autogen_ext.models.openai.
MODEL = chat_client(
    ScriptedBackend(
        [
            "Good morning, am I speaking with the owner?",
            "We help shops like yours to find buyers abroad. Do you sell abroad at the moment?",
            "Many of our merchants began just like that. May I show you how, in ten minutes, this week?",
            "Thank you for your time. Goodbye. TERMINATE",
        ]
    )
)


async def ours_in_their_team(scenario: Scenario) -> None:
    """Our two speakers as agents of a group chat; any agent of yours can join or replace one."""
    team = RoundRobinGroupChat(
        [SalespersonAgent(scenario), MerchantAgent(scenario)],
        termination_condition=CallEnded() | MaxMessageTermination(30),
    )
    async for message in team.run_stream(task="Play the call."):
        if isinstance(message, TaskResult):
            print(f"-- {message.stop_reason}")
        else:
            print(f"{message.source}: {message.to_text()}")


def their_agent_in_our_chair(scenarios: list[Scenario]) -> None:
    """Your own agent sells to our merchants, many calls at once; each call has a copy of it to itself."""
    closer = AssistantAgent("closer", MODEL, system_message="You sell by phone. Keep it short.")
    simulator = Simulator(salesperson=closer, rules=[TextMentionTermination("police")])
    for session in simulator.run_many(scenarios):
        print(f"{session.id}: {len(session.turns)} turns, {session.end.reason} by {session.end.by}")


if __name__ == "__main__":
    found = Catalog.bundled().sample(5, seed=1, language="en")
    asyncio.run(ours_in_their_team(found[0]))
    their_agent_in_our_chair(found)
