"""Who sits in the chairs.

The merchant's mind: `state` is what it holds, `mind` the fold over the turns, `events` and `reader` what is read in a
line (by rules, by a model), `reactions` the table that moves the feelings, `happenings` what disturbs the call,
`deciding` what the merchant does next. `merchant` has a model word that.

The salesperson's plan: `steps` reads which steps a line takes, `plan` where the flow stands and what comes next,
`adherence` measures it, `director` tells a model.

Speakers: `role` (a model in role, a candidate), `offline` (no model), `guest` (a function, a person), `probes` (five
counterfactual salespeople). What they say is cut to speech by `speech`, held to the role by `guard`, and made to sound
spoken by `length` and `hesitation`.
"""
