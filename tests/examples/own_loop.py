"""A script with everything of its own: vectors, encoder, ten lines of NT-Xent. The tests put mistakes into it."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

import vergence as vg

TEMPERATURE = 0.2
torch.manual_seed(0)
kinds = torch.randint(8, (2048,))
content = 2 * torch.randn(8, 10)[kinds] + torch.randn(2048, 10)
mixing = torch.randn(14, 24) / 4


def view(rows: torch.Tensor) -> torch.Tensor:
    """What two views of a row share is mixed with four numbers of their own."""
    return torch.cat([content[rows], torch.randn(len(rows), 4)], dim=1) @ mixing + 0.1 * torch.randn(len(rows), 24)


def nt_xent(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    z = normalize(torch.cat([a, b]), dim=1)
    scores = z @ z.T / TEMPERATURE
    scores = scores.fill_diagonal_(float("-inf"))
    n = len(a)
    return cross_entropy(scores, torch.cat([torch.arange(n) + n, torch.arange(n)]))


encoder = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 32))
head = nn.Sequential(nn.ReLU(), nn.Linear(32, 16))
model = nn.Sequential(encoder, head)
optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
objective = vg.losses.NTXent(TEMPERATURE)
m = vg.Monitor(model, objective=objective, optimiser=optimiser, every=10)

for _ in range(200):
    rows = torch.randint(len(content), (128,))
    x1, x2 = view(rows), view(rows)
    z1, z2 = model(x1), model(x2)
    loss = nt_xent(z1, z2)
    optimiser.zero_grad()
    loss.backward()
    m.step(z1, z2, loss=loss)
    optimiser.step()
