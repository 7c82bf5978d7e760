// Short pages for people who know nothing of this: what to do, in their order.
type Guide = { lead: string; parts: { title: string; steps: string[] }[] };

export const guides: Record<"how-avoid" | "how-mail" | "how-virus", Record<"ja" | "en", Guide>> = {
  "how-virus": {
    ja: {
      lead: "パスワードを変える前に、まず検査です。ウイルスが残っていると、新しいパスワードもすぐに知られてしまいます。",
      parts: [
        {
          title: "Windows",
          steps: [
            "スタートを押して「Windows セキュリティ」と入力し、開きます。",
            "「ウイルスと脅威の防止」を押します。",
            "「スキャンのオプション」から「フル スキャン」を選び、「今すぐスキャン」を押します。1 時間ほどかかります。",
            "見つかったものは「削除」してください。何も見つからなければ、次へ進んで大丈夫です。",
          ],
        },
        {
          title: "Mac",
          steps: [
            "「システム設定」の「一般」→「ソフトウェアアップデート」で、最新にします。",
            "「一般」→「ログイン項目」に、知らないものがないか見ます。",
            "市販のウイルス対策ソフトがあれば、全体を検査します。",
          ],
        },
        {
          title: "iPhone・Android",
          steps: [
            "OS を最新にします。",
            "入れた覚えのないアプリを消します。",
            "Android は「Play ストア」の「Play プロテクト」で「スキャン」を押します。",
          ],
        },
      ],
    },
    en: {
      lead: "Check before you change the password: a virus that is still there learns the new one at once.",
      parts: [
        {
          title: "Windows",
          steps: [
            "Press Start, type \"Windows Security\" and open it.",
            "Press \"Virus & threat protection\".",
            "Under \"Scan options\" choose \"Full scan\" and press \"Scan now\". It takes about an hour.",
            "Remove what is found. If nothing is found, go on.",
          ],
        },
        {
          title: "Mac",
          steps: [
            "System Settings, General, Software Update: install what is there.",
            "General, Login Items: is there anything you do not know?",
            "If you have an antivirus program, have it look at everything.",
          ],
        },
        {
          title: "iPhone, Android",
          steps: [
            "Update the system.",
            "Remove apps that you did not install.",
            "Android: in the Play Store open \"Play Protect\" and press \"Scan\".",
          ],
        },
      ],
    },
  },
  "how-mail": {
    ja: {
      lead: "あやしいメールは、開くことよりも、リンクや添付を押すことが危険です。迷ったら、押さずに確かめます。",
      parts: [
        {
          title: "こんなメールは疑ってください",
          steps: [
            "「アカウントを止めます」「24 時間以内に」など、急がせる。",
            "差出人の名前は有名な会社なのに、アドレスの @ の後ろが違う。",
            "パスワードやカード番号を入れさせようとする。",
            "覚えのない請求書や配達のお知らせに、添付やリンクがある。",
          ],
        },
        {
          title: "届いたとき",
          steps: [
            "リンクも添付も押しません。返信もしません。",
            "その会社のことは、いつものブックマークやアプリから確かめます。",
            "電話をかけるときは、メールに書かれた番号ではなく、契約書や公式ページの番号にかけます。",
            "押してしまったら、すぐにパスワードを変え、ウイルスを検査してください。慌てなくて大丈夫です。",
          ],
        },
      ],
    },
    en: {
      lead: "Opening a suspicious message matters less than what you press in it. In doubt, do not press: check.",
      parts: [
        {
          title: "Be careful when a message",
          steps: [
            "hurries you: \"your account will be closed\", \"within 24 hours\";",
            "has a well-known name, but another address behind the @;",
            "wants you to type a password or a card number;",
            "brings a bill or a delivery you know nothing of, with an attachment or a link.",
          ],
        },
        {
          title: "When one has come",
          steps: [
            "Press no link and no attachment, and do not answer.",
            "Look at that company's own page by your bookmark or its app.",
            "If you telephone, take the number from your contract or the official page, not from the message.",
            "If you did press: change your password and check for viruses. There is no need to panic.",
          ],
        },
      ],
    },
  },
  "how-avoid": {
    ja: {
      lead: "乗っ取りの多くは、ほかで漏れたパスワードの使い回しから始まります。次の四つで、ほとんど防げます。",
      parts: [
        {
          title: "パスワード",
          steps: [
            "メールのパスワードは、ほかのどこでも使わないものにします。",
            "このページの「おまかせで作る」か、パスワード管理アプリを使います。",
            "パソコン自体のサインインにも、8 文字以上の大文字・小文字・数字・記号のパスワードを付けます。",
          ],
        },
        {
          title: "備え",
          steps: [
            "連絡先と認証アプリを登録しておくと、止まったときに自分ですぐ再開できます。",
            "パソコンとスマートフォンは、更新が来たらその日のうちに入れます。",
            "家族や同僚と 1 台を使うときは、利用者を分けます。",
            "月に一度、このポータルの「月に一度の点検」を見てください。",
          ],
        },
      ],
    },
    en: {
      lead: "Most takeovers begin with a password that leaked elsewhere. These few things prevent nearly all of them.",
      parts: [
        {
          title: "Passwords",
          steps: [
            "Use the password of your mail nowhere else.",
            "Have one made here, or use a password manager.",
            "Give the computer itself a sign-in password, too: 8 characters or more of every kind.",
          ],
        },
        {
          title: "Being prepared",
          steps: [
            "Register a recovery contact and an authenticator: then you can come back by yourself.",
            "Install updates on the day they come.",
            "Where several people use one computer, give each a user of their own.",
            "Look at the monthly check-up of this portal.",
          ],
        },
      ],
    },
  },
};
