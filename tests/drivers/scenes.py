"""What is typed into the notebook: the four ways to train, each with a small model and steps of a few ms."""

from __future__ import annotations

from dataclasses import dataclass

PRELUDE = """
import json, time
import ipykernel
import torch
import vergence as vg
from torch import nn
from vergence.errors import StateError
from vergence.record.mailbox import Letter
from vergence_widgets import Cockpit, watch

torch.set_num_threads(1)
items = torch.rand(512, 32, generator=torch.Generator().manual_seed(0))
criterion = vg.losses.NTXent(temperature=0.2)
refused = []
heard = {}
cockpit = None

def model():
    return nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 64))

def listen(shown):
    "Note the newest step at the moment at which a message of the page is handled."
    global cockpit
    cockpit = shown
    publisher = shown.publisher
    handle = publisher.handle
    def note(message):
        if "id" in message:
            heard[message["id"]] = publisher.subject.history.last_step
        handle(message)
    publisher.handle = note

def own_loop():
    global m, encoder, optimiser
    encoder = model()
    optimiser = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    m = watch(encoder, objective=vg.losses.NTXent(temperature=0.2), optimiser=optimiser)
    listen(m.cockpit)

def train(steps, pause_at=None):
    for step in range(1, steps + 1):
        x = items[torch.randint(len(items), (32,))]
        z1, z2 = encoder(x), encoder(x + 0.1 * torch.randn_like(x))
        loss = criterion(z1, z2)
        loss.backward()
        m.step(z1, z2, loss=loss)
        optimiser.step()
        optimiser.zero_grad()
        time.sleep(0.004)
        if step == pause_at:
            try:
                m.pause()
            except StateError as error:
                refused.append(str(error))
            m.mailbox.put(Letter("pause", command=True, id="from-python"))

def flood(steps):
    "As fast as a loop that trains at all can go."
    x = items[:16]
    layer = nn.Linear(32, 8)
    for step in range(steps):
        z1, z2 = layer(x), layer(1 - x)
        loss = (z1 - z2).square().mean()
        loss.backward()
        m.step(z1, z2, loss=loss)

def own_run(driver):
    global run
    run = vg.Run(vg.methods.SimCLR(temperature=0.2), data=items, batch=32, driver=driver)
    listen(Cockpit(run))
    return cockpit

def leave():
    "Nothing of this scene reaches into the next one."
    subject = cockpit.subject
    if subject.history.state in ("live", "paused"):
        subject.stop()
    cockpit.close()
"""


@dataclass(frozen=True)
class Driver:
    """One way to train: how it is set up, begun (endless) and begun again (five steps)."""

    name: str
    show: str
    begin: str
    again: str
    on_main_thread: bool


BACKGROUND_RUN = Driver(
    "background Run", "own_run('thread')", "run.start()", "run.start(steps=5).wait()", on_main_thread=False
)
INLINE_RUN = Driver("inline Run", "own_run('inline')", "run.start()", "run.start(steps=5)", on_main_thread=True)
OWN_LOOP = Driver("own loop", "own_loop()", "train(10**9)", "train(5)", on_main_thread=True)
OWN_THREAD = Driver(
    "m.background",
    "own_loop()",
    "handle = m.background(lambda: train(10**9))",
    "m.background(lambda: train(5)).wait()",
    on_main_thread=False,
)
DRIVERS = (BACKGROUND_RUN, INLINE_RUN, OWN_LOOP, OWN_THREAD)
