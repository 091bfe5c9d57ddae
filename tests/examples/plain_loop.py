"""A plain PyTorch script, as people have them: the tests add the three lines of the README to it."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class TwoViews(Dataset):
    """Digits, shifted by a pixel and made noisy, twice."""

    def __init__(self) -> None:
        digits = load_digits()
        self.images = torch.tensor(digits.images / 16.0, dtype=torch.float32)
        self.labels = torch.tensor(digits.target)

    def __len__(self) -> int:
        return len(self.images)

    def view(self, image: torch.Tensor) -> torch.Tensor:
        shift = tuple(np.random.default_rng().integers(-1, 2, 2))
        return (torch.roll(image, shift, (0, 1)) + 0.1 * torch.randn(8, 8)).flatten()

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.view(self.images[i]), self.view(self.images[i]), self.labels[i]


class Contrast(nn.Module):
    """NT-Xent, as it is written again and again."""

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        z = nn.functional.normalize(torch.cat([a, b]), dim=1)
        s = (z @ z.T / self.temperature).fill_diagonal_(float("-inf"))
        n = len(a)
        return nn.functional.cross_entropy(s, torch.cat([torch.arange(n) + n, torch.arange(n)]))


data = TwoViews()
images, labels = data.images.flatten(1)[:256], data.labels[:256]
loader = DataLoader(data, batch_size=128, shuffle=True, drop_last=True)
encoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128))
head = nn.Sequential(nn.ReLU(), nn.Linear(128, 64))
model = nn.Sequential(encoder, head)
criterion = Contrast()
optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(3):
    for x1, x2, y in loader:  # noqa: B007 - a script as people have them
        z1, z2 = model(x1), model(x2)
        loss = criterion(z1, z2)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
