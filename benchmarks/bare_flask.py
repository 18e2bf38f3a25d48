"""A Flask application with one constant route: what the framework and the server cost alone."""

from flask import Flask, Response, jsonify

app = Flask("bare")


@app.route("/", methods=["GET", "POST"])
def constant() -> Response:
    """Answer with a little JSON."""
    return jsonify(ok=True)
