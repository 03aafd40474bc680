language-name = Русский
    .status = complete
