"""One set of rules, two evaluators: the service's and the phone's reference agree."""
