# Письма в кабинете: галерея готовых писем, версии, картинки, помощь в редакторе.

gallery-announcement = Анонс
gallery-broken = Готовое письмо «{ $name }» не читается.
gallery-event = Мероприятие
gallery-from = Начать с готового письма
gallery-list = Новости
gallery-look = Посмотреть
gallery-newsletter = Новости
gallery-re-engagement = Возвращение подписчиков
gallery-receipt = Чек
gallery-sale = Распродажа
gallery-sender = Укажите отправителя: --from. Рассылок ещё нет, взять его неоткуда.
gallery-survey = Опрос
gallery-title = Готовые письма
gallery-unknown = Готового письма «{ $name }» нет. Есть: { $known }.
gallery-use = Взять это письмо
gallery-used = Черновик начнётся с готового письма «{ $name }».
gallery-welcome = Приветствие
gallery-what = С каждого можно начать черновик — в вашем цвете и с вашим именем. Менять можно любое слово.
revision-gone = Этой версии больше нет.
revisions-automatic = сохранено само
revisions-by = Кто сохранил
revisions-change = Что изменилось
revisions-compare = Сравнить
revisions-compared = { $from } → { $to }
revisions-none = Пока ничего не сохранено.
revisions-now = сейчас
revisions-open = Прежние версии
revisions-restore = Восстановить
revisions-restored = Восстановлено. То, что было до этого, осталось среди версий.
revisions-same = Различий нет.
revisions-saved = Когда
revisions-skipped = { $count ->
    [one] … { $count } строка
    [few] … { $count } строки
   *[many] … { $count } строк
  }
revisions-title = Версии рассылки «{ $name }»
revisions-what = Хранятся последние 50 версий. Когда их больше, первыми удаляются сохранённые почти подряд. Восстановленное становится новой версией.
revisions-with-now = Сравнить с нынешней
draft-state-conflict = Не сохранено: черновик изменил кто-то другой.
draft-state-dirty = Изменено, ещё не сохранено
draft-state-kept = Пока только в этом браузере:
draft-state-offline = Сервер не отвечает. Текст сохранён в этом браузере.
draft-state-saved = Сохранено
draft-state-saving = Сохраняется…
campaign-restored = Рассылка «{ $name }» возвращена к этой версии.
draft-lines = Строки с ошибками
draft-picker = Вставить значение или условие
draft-picker-conditions = Условия
draft-picker-tags = Значения
draft-picker-what = Поставьте курсор в нужное место и выберите. Вместо … напишите свои слова: они для тех, у кого значения нет.
preview-all = Компьютер и телефон
preview-dark = Тёмная тема
preview-desktop = Компьютер
preview-images-off = Без картинок
preview-light = Светлая тема
preview-phone = Телефон
preview-text = Текст
preview-views = Как показать
