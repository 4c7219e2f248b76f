"""A policy learns by trial to balance a pole on a cart (policy gradient with a baseline)."""

import math
import sys

import torch
from torch import nn
from torch.distributions import Categorical

SMALL = "--small" in sys.argv
EPISODES, LONGEST = (5, 30) if SMALL else (400, 200)


class Pole:
    """A cart pushed left or right under a standing pole; Euler steps of 0.02 s."""

    def reset(self):
        self.state = [value.item() for value in 0.1 * torch.rand(4) - 0.05]
        return torch.tensor(self.state)

    def step(self, push_right):
        x, speed, angle, turn = self.state
        force = 10.0 if push_right else -10.0
        sine, cosine = math.sin(angle), math.cos(angle)
        part = (force + 0.05 * turn**2 * sine) / 1.1
        spin = (9.8 * sine - cosine * part) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
        pull = part - 0.05 * spin * cosine / 1.1
        self.state = [
            x + 0.02 * speed,
            speed + 0.02 * pull,
            angle + 0.02 * turn,
            turn + 0.02 * spin,
        ]
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21
        return torch.tensor(self.state), fallen


def episode(policy, pole):
    state, logs = pole.reset(), []
    for _ in range(LONGEST):
        choice = Categorical(logits=policy(state))
        action = choice.sample()
        logs.append(choice.log_prob(action))
        state, fallen = pole.step(action.item() == 1)
        if fallen:
            break
    return torch.stack(logs)


def returns(count, discount=0.99):
    value, result = 0.0, []
    for _ in range(count):
        value = 1.0 + discount * value
        result.append(value)
    values = torch.tensor(result[::-1])
    return (values - values.mean()) / (values.std() + 1e-8)


def main():
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    pole, average = Pole(), 10.0
    for number in range(EPISODES):
        logs = episode(policy, pole)
        loss = -(logs * returns(len(logs))).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average = 0.95 * average + 0.05 * len(logs)
        if number % (EPISODES // 5) == 0:
            print(f"episode {number}: {len(logs)} steps, average {average:.1f}")
    print(f"average length {average:.2f}")


if __name__ == "__main__":
    main()
