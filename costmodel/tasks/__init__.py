"""What can be asked: a module for each question, which turns a frozen `Request` into an `Answer`.

    >>> from costmodel.tasks import report
    >>> answer = report.answer(report.Request(("mobilenet_v1",), batch=8))
    >>> answer.page().title
    'MobileNet v1'

A request holds plain values. An answer is drawn in every format (`costmodel.render.answer`), says whether it is a yes,
and knows of no terminal: commands and notebooks are faces of these modules.
"""
